/* SPDX-License-Identifier: MIT */
/*
 * wlr-output-management and wlr-output-power-management: programs such as wlr-randr, kanshi and
 * wlopm read and change outputs. A configuration is tested as a whole first and applied head by
 * head; when one head fails after that, the answer is "failed" and the clients get the truth.
 */
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_output_management_v1.h>
#include <wlr/types/wlr_output_power_management_v1.h>

#include "output.h"
#include "protocols.h"

static bool head_test(const struct wlr_output_configuration_head_v1 *head)
{
	struct wlr_output_state state;
	bool ok;

	wlr_output_state_init(&state);
	wlr_output_head_v1_state_apply(&head->state, &state);
	ok = wlr_output_test_state(head->state.output, &state);
	wlr_output_state_finish(&state);
	return ok;
}

static void head_place(struct server *server, const struct wlr_output_head_v1_state *head)
{
	struct output *output = output_from_wlr(server, head->output);
	struct wlr_output_layout_output *lo;

	if (output == NULL) {
		return;
	}
	if (!head->enabled) {
		wlr_output_layout_remove(server->output_layout, head->output);
		return;
	}
	lo = wlr_output_layout_add(server->output_layout, head->output, head->x, head->y);
	if (lo != NULL) {
		wlr_scene_output_layout_add_output(server->scene_layout, lo, output->scene_output);
	}
}

static bool head_apply(struct server *server, const struct wlr_output_configuration_head_v1 *head)
{
	struct output *output = output_from_wlr(server, head->state.output);
	struct wlr_output_state state;
	bool ok;

	wlr_output_state_init(&state);
	wlr_output_head_v1_state_apply(&head->state, &state);
	ok = wlr_output_commit_state(head->state.output, &state);
	wlr_output_state_finish(&state);
	if (ok) {
		if (output != NULL) {
			output->power_off = false;
		}
		head_place(server, &head->state);
	}
	return ok;
}

static void configure(struct server *server, struct wlr_output_configuration_v1 *config, bool test)
{
	struct wlr_output_configuration_head_v1 *head;
	bool ok = true;

	wl_list_for_each(head, &config->heads, link)
	{
		ok = ok && head_test(head);
	}
	if (ok && !test) {
		wl_list_for_each(head, &config->heads, link)
		{
			ok = head_apply(server, head) && ok;
		}
	}
	if (ok) {
		wlr_output_configuration_v1_send_succeeded(config);
	} else {
		wlr_output_configuration_v1_send_failed(config);
	}
	wlr_output_configuration_v1_destroy(config);
	if (!test) {
		output_handle_layout_change(server);
	}
}

static void handle_apply(struct wl_listener *listener, void *data)
{
	struct protocols *p = wl_container_of(listener, p, output_apply);

	configure(p->server, data, false);
}

static void handle_test(struct wl_listener *listener, void *data)
{
	struct protocols *p = wl_container_of(listener, p, output_test);

	configure(p->server, data, true);
}

static void handle_set_mode(struct wl_listener *listener, void *data)
{
	struct protocols *p = wl_container_of(listener, p, output_power_mode);
	struct wlr_output_power_v1_set_mode_event *event = data;
	struct output *output = output_from_wlr(p->server, event->output);

	if (output != NULL) {
		output_set_power(output, event->mode == ZWLR_OUTPUT_POWER_V1_MODE_ON);
	}
}

void output_management_create(struct server *server)
{
	struct protocols *p = server->protocols;
	struct wlr_output_power_manager_v1 *power;

	p->output_manager = wlr_output_manager_v1_create(server->display);
	listener_add(&p->output_manager->events.apply, &p->output_apply, handle_apply);
	listener_add(&p->output_manager->events.test, &p->output_test, handle_test);
	power = wlr_output_power_manager_v1_create(server->display);
	listener_add(&power->events.set_mode, &p->output_power_mode, handle_set_mode);
}

void output_management_update(struct server *server)
{
	struct wlr_output_configuration_v1 *config = wlr_output_configuration_v1_create();
	struct output *output;

	wl_list_for_each(output, &server->outputs, link)
	{
		struct wlr_output_configuration_head_v1 *head =
			wlr_output_configuration_head_v1_create(config, output->wlr_output);

		head->state.x = output->box.x;
		head->state.y = output->box.y;
		head->state.enabled = output->wlr_output->enabled || output->power_off;
	}
	wlr_output_manager_v1_set_configuration(server->protocols->output_manager, config);
}
