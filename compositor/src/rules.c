/* SPDX-License-Identifier: MIT */
#include "action.h"
#include "view.h"

void rules_apply(struct view *view)
{
	struct rule_config *rule;
	struct rule_action *ra;

	wl_list_for_each(rule, &view->server->config->rules, link)
	{
		if (!config_pattern_match(rule->app_id, view->app_id) ||
			!config_pattern_match(rule->title, view->title)) {
			continue;
		}
		wl_list_for_each(ra, &rule->actions, link)
		{
			action_run(view->server, &ra->action, view);
		}
	}
}
