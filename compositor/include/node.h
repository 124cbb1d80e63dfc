/* SPDX-License-Identifier: MIT */
/*
 * Says what a scene node belongs to. A node's data pointer is NULL or points to a node_owner;
 * whoever looks for the owner of a point walks up from the topmost node.
 */
#ifndef WEFT_NODE_H
#define WEFT_NODE_H

#include <wlr/types/wlr_scene.h>

enum node_kind {
	NODE_NONE,
	NODE_VIEW,
	NODE_DECORATION,
	NODE_LAYER,
	NODE_LOCK,
	NODE_MENU,
	NODE_OSD,
};

struct node_owner {
	enum node_kind kind;
	/** struct view, layer_surface, lock_output, menu; per kind. */
	void *object;
};

struct node_hit {
	const struct node_owner *owner; /* NULL: none of ours */
	struct wlr_surface *surface;	/* NULL: not over a surface */
	double sx, sy;			/* relative to the surface, or to the node */
};

static inline void node_set_owner(struct wlr_scene_node *node, struct node_owner *owner)
{
	node->data = owner;
}

/** The owner of a node or of its nearest ancestor that has one. */
const struct node_owner *node_owner_of(struct wlr_scene_node *node);

/** What is at a point of the layout. */
struct node_hit node_at(struct wlr_scene *scene, double lx, double ly);

#endif
