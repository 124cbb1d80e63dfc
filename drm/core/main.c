/* SPDX-License-Identifier: MIT */
#include "drm.h"

#include <native/start.h>
#include <sys/stat.h>

struct fs tree;
u32 next_id = ID_FIRST_DYNAMIC;

int main(void)
{
	int e = memfs_create(&tree, 8, 0x01021994);
	struct node *card = e ? NULL : vfs_add(&tree, "dri/card0", S_IFCHR | 0660, 226u << 8, &card_ops);
	struct node *render = e ? NULL : vfs_add(&tree, "dri/renderD128", S_IFCHR | 0660, 226u << 8 | 128, &render_ops);
	struct node *udmabuf = e ? NULL : vfs_add(&tree, "udmabuf", S_IFCHR | 0666, 10u << 8 | 126, &udmabuf_ops);
	if (!e && (!card || !render || !udmabuf))
		e = -ENOMEM;
	if (!e) {
		card->gid = 44; /* Debian's group video */
		render->gid = 44;
		render->mode = S_IFCHR | 0666;
		e = sync_start();
	}
	if (!e)
		e = dmabuf_start();
	if (!e)
		e = syncobj_start();
	if (!e)
		e = vfs_init(&tree, "scheme:drm");
	if (!e)
		e = backend_start(vfs_loop(&tree));
	if (!e)
		e = vfs_run(&tree);
	native_log("drm: %s", strerror(-e));
	return 1;
}
