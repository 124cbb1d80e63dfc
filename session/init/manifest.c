/* SPDX-License-Identifier: MIT */
/* A table of keys, each with the number of words that it takes and what it does with them. */
#include "manifest.h"

#include <stdlib.h>
#include <string.h>
#include <weft/errno.h>
#include <weft/sys.h>
#include <weft/thread.h>

#define WORDS_MAX 32

struct words {
	u32 n;
	char *w[WORDS_MAX]; /* w[0] is the key */
};

static int add(struct manifest_list *l, char *word)
{
	if (l->n == MANIFEST_LIST - 1)
		return -EINVAL;
	l->word[l->n++] = word;
	l->word[l->n] = NULL;
	return 0;
}

static int add_all(struct manifest_list *l, struct words *w)
{
	for (u32 i = 1; i < w->n; i++) {
		if (add(l, w->w[i]) < 0)
			return -EINVAL;
	}
	return 0;
}

static int number(const char *s, u64 max, u64 *out)
{
	char *end;
	*out = strtoul(s, &end, 0);
	return *s >= '0' && *s <= '9' && *end == 0 && *out <= max ? 0 : -EINVAL;
}

static int number32(const char *s, u32 *out)
{
	u64 v;
	if (number(s, UINT32_MAX, &v) < 0)
		return -EINVAL;
	*out = (u32)v;
	return 0;
}

struct choice {
	const char *word;
	u32 value;
};

static int choose(const struct choice *c, const char *word, u32 *out)
{
	for (; c->word; c++) {
		if (strcmp(c->word, word) == 0) {
			*out = c->value;
			return 0;
		}
	}
	return -EINVAL;
}

static int key_program(struct manifest *m, struct words *w)
{
	m->argv.n = 0;
	return add_all(&m->argv, w);
}

static int key_runtime(struct manifest *m, struct words *w)
{
	static const struct choice c[] = {{"native", 0}, {"posix", 1}, {0}};
	u32 v;
	int r = choose(c, w->w[1], &v);
	m->posix = r == 0 && v;
	return r;
}

static int key_type(struct manifest *m, struct words *w)
{
	static const struct choice c[] = {{"daemon", SERVICE_DAEMON}, {"oneshot", SERVICE_ONESHOT}, {"driver", SERVICE_DRIVER}, {0}};
	u32 v = 0;
	int r = choose(c, w->w[1], &v);
	m->type = v;
	return r;
}

static int key_offers(struct manifest *m, struct words *w)
{
	if (m->noffers == sizeof m->offers / sizeof m->offers[0] || strlen(w->w[1]) >= MANIFEST_NAME)
		return -EINVAL;
	struct manifest_scheme *s = &m->offers[m->noffers++];
	*s = (struct manifest_scheme){.orphan_ms = 5000, .limit = 0};
	strcpy(s->name, w->w[1]);
	for (u32 i = 2; i < w->n; i++) {
		int r = -EINVAL;
		if (strncmp(w->w[i], "orphan=", 7) == 0)
			r = number32(w->w[i] + 7, &s->orphan_ms);
		else if (strncmp(w->w[i], "limit=", 6) == 0)
			r = number32(w->w[i] + 6, &s->limit);
		if (r < 0)
			return r;
	}
	return 0;
}

static int key_needs(struct manifest *m, struct words *w)
{
	return add_all(&m->needs, w);
}

static int key_opens(struct manifest *m, struct words *w)
{
	return add_all(&m->opens, w);
}

static int key_after(struct manifest *m, struct words *w)
{
	return add_all(&m->after, w);
}

static int key_env(struct manifest *m, struct words *w)
{
	return strchr(w->w[1], '=') ? add_all(&m->env, w) : -EINVAL;
}

static int key_resource(struct manifest *m, struct words *w)
{
	static const struct choice c[] = {{"mem", WEFT_RES_MEM}, {"ports", WEFT_RES_PORTS}, {"irq", WEFT_RES_IRQ}, {"msi", WEFT_RES_IRQ},
		{"dma", WEFT_RES_DMA}, {"ident", WEFT_RES_IDENT}, {"procs", WEFT_RES_PROCS}, {"power", WEFT_RES_POWER},
		{"clock", WEFT_RES_CLOCK}, {"scheme", WEFT_RES_SCHEME}, {"log", WEFT_RES_LOG}, {"prio", WEFT_RES_PRIO}, {0}};
	if (m->nresources == sizeof m->resources / sizeof m->resources[0] || strlen(w->w[1]) >= sizeof m->resources[0].name)
		return -EINVAL;
	struct manifest_resource *r = &m->resources[m->nresources++];
	*r = (struct manifest_resource){0};
	strcpy(r->name, w->w[1]);
	if (choose(c, w->w[1], &r->kind) < 0 || w->n == 3)
		return -EINVAL;
	if (strcmp(w->w[1], "msi") == 0) {
		r->base = WEFT_IRQ_MSI;
		r->len = 1;
		return w->n == 2 ? 0 : -EINVAL;
	}
	if (w->n == 2)
		return 0;
	return number(w->w[2], UINT64_MAX, &r->base) < 0 || number(w->w[3], UINT64_MAX, &r->len) < 0 || r->len == 0 ? -EINVAL : 0;
}

static int key_give(struct manifest *m, struct words *w)
{
	static const struct choice c[] = {{"boot", GIVE_BOOT}, {"time", GIVE_TIME}, {"framebuffer", GIVE_FRAMEBUFFER},
		{"namespace", GIVE_NAMESPACE}, {"console", GIVE_CONSOLE}, {0}};
	for (u32 i = 1; i < w->n; i++) {
		u32 bit;
		if (choose(c, w->w[i], &bit) < 0)
			return -EINVAL;
		m->give |= bit;
	}
	return 0;
}

static int key_restart(struct manifest *m, struct words *w)
{
	static const struct choice c[] = {{"always", RESTART_ALWAYS}, {"on-failure", RESTART_ON_FAILURE}, {"never", RESTART_NEVER}, {0}};
	u32 v = 0;
	if (choose(c, w->w[1], &v) < 0 || w->n == 3)
		return -EINVAL;
	m->restart = v;
	m->restart_given = true;
	if (w->n == 2)
		return 0;
	if (number32(w->w[2], &m->backoff_min_ms) < 0 || number32(w->w[3], &m->backoff_max_ms) < 0)
		return -EINVAL;
	return m->backoff_min_ms && m->backoff_min_ms <= m->backoff_max_ms ? 0 : -EINVAL;
}

static int key_priority(struct manifest *m, struct words *w)
{
	static const struct choice c[] = {{"idle", WEFT_PRIO_IDLE}, {"low", WEFT_PRIO_LOW}, {"normal", WEFT_PRIO_NORMAL},
		{"interactive", WEFT_PRIO_INTERACTIVE}, {"driver", WEFT_PRIO_DRIVER}, {"rt", WEFT_PRIO_RT}, {0}};
	return choose(c, w->w[1], &m->prio);
}

static int key_user(struct manifest *m, struct words *w)
{
	if (number32(w->w[1], &m->uid) < 0 || number32(w->w[2], &m->gid) < 0)
		return -EINVAL;
	for (u32 i = 3; i < w->n; i++) {
		if (m->ngroups == sizeof m->groups / sizeof m->groups[0] || number32(w->w[i], &m->groups[m->ngroups++]) < 0)
			return -EINVAL;
	}
	m->has_user = true;
	return 0;
}

static int key_may(struct manifest *m, struct words *w)
{
	if (strcmp(w->w[1], "start-drivers") == 0)
		m->may_start_drivers = true;
	else if (strcmp(w->w[1], "mount") == 0)
		m->may_mount = true;
	else
		return -EINVAL;
	return 0;
}

static int key_rank(struct manifest *m, struct words *w)
{
	return number32(w->w[1], &m->rank);
}

static int key_watchdog(struct manifest *m, struct words *w)
{
	m->notify = true;
	return number32(w->w[1], &m->watchdog_ms);
}

static int key_shutdown(struct manifest *m, struct words *w)
{
	return number32(w->w[1], &m->shutdown_ms);
}

static int key_state(struct manifest *m, struct words *w)
{
	int r = number32(w->w[1], &m->state_bytes);
	return r < 0 ? r : m->state_bytes && m->state_bytes <= 1u << 20 ? 0 : -EINVAL;
}

static int key_paths(struct manifest *m, struct words *w)
{
	(void)w;
	m->paths = true;
	return 0;
}

static int key_notify(struct manifest *m, struct words *w)
{
	(void)w;
	m->notify = true;
	return 0;
}

static int key_if(struct manifest *m, struct words *w)
{
	m->when = w->w[1];
	m->unless = w->w[0][0] == 'u';
	return 0;
}

static int key_essential(struct manifest *m, struct words *w)
{
	(void)w;
	m->essential = true;
	return 0;
}

static const struct {
	const char *key;
	u32 min, max; /* words after the key */
	int (*fn)(struct manifest *m, struct words *w);
} keys[] = {
	{"program", 1, 30, key_program},
	{"runtime", 1, 1, key_runtime},
	{"type", 1, 1, key_type},
	{"offers", 1, 3, key_offers},
	{"needs", 1, 20, key_needs},
	{"opens", 1, 20, key_opens},
	{"after", 1, 20, key_after},
	{"resource", 1, 3, key_resource},
	{"give", 1, 5, key_give},
	{"state", 1, 1, key_state},
	{"paths", 0, 0, key_paths},
	{"may", 1, 1, key_may},
	{"rank", 1, 1, key_rank},
	{"notify", 0, 0, key_notify},
	{"watchdog", 1, 1, key_watchdog},
	{"shutdown", 1, 1, key_shutdown},
	{"restart", 1, 3, key_restart},
	{"essential", 0, 0, key_essential},
	{"user", 2, 18, key_user},
	{"priority", 1, 1, key_priority},
	{"env", 1, 1, key_env},
	{"if", 1, 1, key_if},
	{"unless", 1, 1, key_if},
};

static int parse_line(struct manifest *m, char *line, const char **why)
{
	struct words w = {0};
	line[strcspn(line, "#")] = 0;
	for (char *p = line + strspn(line, " \t\r"); *p; p += strspn(p, " \t\r")) {
		if (w.n == WORDS_MAX) {
			*why = "too many words";
			return -EINVAL;
		}
		w.w[w.n++] = p;
		p += strcspn(p, " \t\r");
		if (*p)
			*p++ = 0;
	}
	if (w.n == 0)
		return 0;
	for (u32 i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (strcmp(keys[i].key, w.w[0]) != 0)
			continue;
		*why = "wrong number of words";
		if (w.n - 1 < keys[i].min || w.n - 1 > keys[i].max)
			return -EINVAL;
		*why = "this key does not take that";
		return keys[i].fn(m, &w);
	}
	*why = "no such key";
	return -EINVAL;
}

int manifest_parse(const char *name, const char *text, u64 len, struct manifest *m, u32 *line, const char **why)
{
	*line = 0;
	*why = "name too long";
	memset(m, 0, sizeof *m);
	if (strlen(name) >= MANIFEST_NAME)
		return -EINVAL;
	strcpy(m->name, name);
	m->backoff_min_ms = 100;
	m->backoff_max_ms = 10000;
	m->text = malloc(len + 1);
	*why = "no memory";
	if (!m->text)
		return -ENOMEM;
	memcpy(m->text, text, len);
	m->text[len] = 0;
	for (char *p = m->text; p;) {
		char *end = strchr(p, '\n');
		if (end)
			*end++ = 0;
		++*line;
		int r = parse_line(m, p, why);
		if (r < 0) {
			manifest_finish(m);
			return r;
		}
		p = end;
	}
	*why = "no program";
	if (m->argv.n == 0) {
		manifest_finish(m);
		return -EINVAL;
	}
	if (m->essential && !m->restart_given)
		m->restart = RESTART_NEVER;
	*why = NULL;
	return 0;
}

void manifest_finish(struct manifest *m)
{
	free(m->text);
	m->text = NULL;
}

static void resolve_list(struct manifest_list *l, const char *(*option)(const char *name, size_t len))
{
	u32 n = 0;
	for (u32 i = 0; i < l->n; i++) {
		char *word = l->word[i];
		size_t len = strcspn(word, "?!=:");
		bool conditional = len && (word[len] == '?' || word[len] == '!');
		if (conditional && (option(word, len) != NULL) != (word[len] == '?'))
			continue;
		if (word[0] == '$' && option(word + 1, strlen(word + 1)))
			word = (char *)(uintptr_t)option(word + 1, strlen(word + 1));
		l->word[n++] = conditional ? word + len + 1 : word;
	}
	l->n = n;
	l->word[n] = NULL;
}

bool manifest_resolve(struct manifest *m, const char *(*option)(const char *name, size_t len))
{
	if (m->when && (option(m->when, strlen(m->when)) != NULL) == m->unless)
		return false;
	resolve_list(&m->argv, option);
	resolve_list(&m->opens, option);
	return m->argv.n > 0;
}
