/* SPDX-License-Identifier: MIT */
/*
 * The renderer (pixman or GLES2, chosen by WLR_RENDERER) and the allocator. When the GPU is lost
 * both are made anew and every output draws again; client buffers are uploaded again by the scene.
 */
#include <errno.h>
#include <stdlib.h>
#include <wlr/backend.h>
#include <wlr/render/allocator.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_drm.h>
#include <wlr/types/wlr_linux_dmabuf_v1.h>
#include <wlr/types/wlr_linux_drm_syncobj_v1.h>
#include <wlr/types/wlr_shm.h>
#include <wlr/util/log.h>

#include "output.h"
#include "server.h"

static void handle_lost(struct wl_listener *listener, void *data);

/*
 * llvmpipe's threads go on drawing after glFlush, and no fence on the buffer says when they have done: the
 * display would show what is there by then, until the next frame. Without threads of its own it has drawn
 * when glFlush returns. The programs that are started here keep theirs.
 */
static struct wlr_renderer *make_renderer(struct wlr_backend *backend)
{
	const char *threads = "LP_NUM_THREADS";
	bool chosen = getenv(threads) != NULL;
	struct wlr_renderer *renderer;

	if (!chosen) {
		setenv(threads, "0", 1);
	}
	renderer = wlr_renderer_autocreate(backend);
	if (!chosen) {
		unsetenv(threads);
	}
	return renderer;
}

static int make(struct server *server)
{
	server->renderer = make_renderer(server->backend);
	if (server->renderer == NULL) {
		wlr_log(WLR_ERROR, "no renderer can be made");
		return -ENODEV;
	}
	server->allocator = wlr_allocator_autocreate(server->backend, server->renderer);
	if (server->allocator == NULL) {
		wlr_log(WLR_ERROR, "no buffer allocator can be made");
		wlr_renderer_destroy(server->renderer);
		return -ENODEV;
	}
	listener_add(&server->renderer->events.lost, &server->renderer_lost, handle_lost);
	return 0;
}

static void handle_lost(struct wl_listener *listener, void *data)
{
	struct server *server = wl_container_of(listener, server, renderer_lost);
	struct wlr_renderer *old_renderer = server->renderer;
	struct wlr_allocator *old_allocator = server->allocator;
	struct output *output;

	(void)data;
	wlr_log(WLR_ERROR, "the GPU was lost: making a new renderer");
	listener_remove(&server->renderer_lost);
	if (make(server) < 0) {
		/* Better an old picture than none: the next loss tries again. */
		server->renderer = old_renderer;
		server->allocator = old_allocator;
		listener_add(&old_renderer->events.lost, &server->renderer_lost, handle_lost);
		return;
	}
	wlr_compositor_set_renderer(server->compositor, server->renderer);
	wl_list_for_each(output, &server->outputs, link)
	{
		wlr_output_init_render(output->wlr_output, server->allocator, server->renderer);
		wlr_output_schedule_frame(output->wlr_output);
	}
	wlr_allocator_destroy(old_allocator);
	wlr_renderer_destroy(old_renderer);
}

int renderer_init(struct server *server)
{
	int ret = make(server), drm_fd;

	if (ret < 0) {
		return ret;
	}
	wlr_renderer_init_wl_shm(server->renderer, server->display);
	if (wlr_renderer_get_texture_formats(server->renderer, WLR_BUFFER_CAP_DMABUF) != NULL) {
		struct wlr_linux_dmabuf_v1 *dmabuf = wlr_linux_dmabuf_v1_create_with_renderer(
			server->display, 4, server->renderer);

		wlr_drm_create(server->display, server->renderer);
		if (dmabuf != NULL) {
			wlr_scene_set_linux_dmabuf_v1(server->scene, dmabuf);
		}
	}
	drm_fd = wlr_renderer_get_drm_fd(server->renderer);
	if (drm_fd >= 0 && getenv("WEFT_SYNCOBJ") != NULL) {
		/* The scene of wlroots 0.18 does not wait for acquire points yet. */
		wlr_linux_drm_syncobj_manager_v1_create(server->display, 1, drm_fd);
	}
	return 0;
}

void renderer_finish(struct server *server)
{
	listener_remove(&server->renderer_lost);
	if (server->allocator != NULL) {
		wlr_allocator_destroy(server->allocator);
	}
	if (server->renderer != NULL) {
		wlr_renderer_destroy(server->renderer);
	}
}
