/* SPDX-License-Identifier: MIT */
#include "node.h"

const struct node_owner *node_owner_of(struct wlr_scene_node *node)
{
	while (node != NULL) {
		if (node->data != NULL) {
			return node->data;
		}
		node = node->parent != NULL ? &node->parent->node : NULL;
	}
	return NULL;
}

struct node_hit node_at(struct wlr_scene *scene, double lx, double ly)
{
	struct node_hit hit = {0};
	struct wlr_scene_node *node =
		wlr_scene_node_at(&scene->tree.node, lx, ly, &hit.sx, &hit.sy);

	if (node == NULL) {
		return hit;
	}
	if (node->type == WLR_SCENE_NODE_BUFFER) {
		struct wlr_scene_surface *surface =
			wlr_scene_surface_try_from_buffer(wlr_scene_buffer_from_node(node));

		hit.surface = surface != NULL ? surface->surface : NULL;
	}
	hit.owner = node_owner_of(node);
	return hit;
}
