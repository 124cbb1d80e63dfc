/* SPDX-License-Identifier: MIT */
/*
 * Protocols that wlroots serves once they are created, and the small handlers that some of them
 * need: decorations, activation, gamma, leases, and what sandboxed clients may see.
 */
#ifndef WEFT_PROTOCOLS_H
#define WEFT_PROTOCOLS_H

#include "server.h"

struct protocols {
	struct server *server;
	struct wlr_xdg_activation_v1 *activation;
	struct wlr_foreign_toplevel_manager_v1 *foreign;
	struct wlr_ext_foreign_toplevel_list_v1 *ext_foreign;
	struct wlr_gamma_control_manager_v1 *gamma;
	struct wlr_output_manager_v1 *output_manager;
	struct wlr_cursor_shape_manager_v1 *cursor_shape;
	struct wlr_virtual_keyboard_manager_v1 *virtual_keyboard;
	struct wlr_virtual_pointer_manager_v1 *virtual_pointer;
	struct wlr_relative_pointer_manager_v1 *relative_pointer;
	struct wlr_pointer_constraints_v1 *constraints;
	struct wlr_pointer_gestures_v1 *gestures;
	struct wlr_keyboard_shortcuts_inhibit_manager_v1 *shortcuts_inhibit;
	struct wlr_security_context_manager_v1 *security;
	struct wl_listener request_activate;
	struct wl_listener set_gamma;
	struct wl_listener new_decoration, new_kde_decoration;
	struct wl_listener lease_request;
	struct wl_listener new_inhibitor;
	struct wl_listener output_apply, output_test, output_power_mode;
};

#endif
