/* SPDX-License-Identifier: MIT */
#include "drm.h"

#include <stdlib.h>

#define MAX_BLOB 65536

static struct fs_list all = {&all, &all};

struct blob *blob_find(u32 id)
{
	fsl_for_each (b, &all, struct blob, link)
		if (b->id == id)
			return b;
	return NULL;
}

struct blob *blob_new(struct drmfile *f, const void *data, u32 len)
{
	struct blob *b = malloc(sizeof(*b) + len);
	if (!b)
		return NULL;
	*b = (struct blob){.id = next_id++, .refs = 1, .len = len, .owner = f};
	if (data)
		memcpy(b->data, data, len);
	fsl_append(&all, &b->link);
	return b;
}

void blob_put(struct blob *b)
{
	if (!b || --b->refs)
		return;
	fsl_remove(&b->link);
	free(b);
}

i64 blob_create(struct fsreq *r)
{
	struct drm_mode_create_blob a;
	int e = ARG_GET(r, a);
	if (e)
		return e;
	if (!a.length || a.length > MAX_BLOB)
		return -EINVAL;
	struct blob *b = blob_new(file_of(r), NULL, a.length);
	if (!b)
		return -ENOMEM;
	e = fsreq_in(r, 1, 0, b->data, a.length);
	a.blob_id = b->id;
	if (!e)
		e = ARG_PUT(r, a);
	if (e)
		blob_put(b);
	return e;
}

i64 blob_destroy(struct fsreq *r)
{
	struct drm_mode_destroy_blob a;
	int e = ARG_GET(r, a);
	struct blob *b = e ? NULL : blob_find(a.blob_id);
	if (!b)
		return e ? e : -ENOENT;
	if (b->owner != file_of(r))
		return -EPERM;
	b->owner = NULL;
	blob_put(b);
	return 0;
}

i64 blob_get(struct fsreq *r)
{
	struct drm_mode_get_blob a;
	int e = ARG_GET(r, a);
	struct blob *b = e ? NULL : blob_find(a.blob_id);
	if (!b)
		return e ? e : -ENOENT;
	e = put_list(r, 1, b->data, b->len, 1, a.length);
	a.length = b->len;
	return e ? e : ARG_PUT(r, a);
}

void blob_release_all(struct drmfile *f)
{
	fsl_for_each (b, &all, struct blob, link)
		if (b->owner == f) {
			b->owner = NULL;
			blob_put(b);
		}
}
