/* SPDX-License-Identifier: MIT */
#include "drm.h"

#include <native/start.h>
#include <sys/stat.h>

struct fs tree;
u32 next_id = ID_FIRST_DYNAMIC;

int main(void)
{
	int e = memfs_create(&tree, 8, 0x01021994);
	struct node *card = e ? NULL : vfs_add(&tree, "card0", S_IFCHR | 0660, 226u << 8, &card_ops);
	struct node *render = e ? NULL : vfs_add(&tree, "renderD128", S_IFCHR | 0660, 226u << 8 | 128, &render_ops);
	if (!e && (!card || !render))
		e = -ENOMEM;
	if (!e) {
		card->gid = 44; /* Debian's group video */
		render->gid = 44;
		render->mode = S_IFCHR | 0666;
		e = vfs_init(&tree, "scheme:drm");
	}
	if (!e)
		e = backend_start(vfs_loop(&tree));
	if (!e)
		e = vfs_run(&tree);
	native_log("drm: %s", strerror(-e));
	return 1;
}
