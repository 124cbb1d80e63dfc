/* SPDX-License-Identifier: MIT */
/* A message from the compositor itself at the top of the screen, such as a wrong configuration. */
#ifndef WEFT_NOTICE_H
#define WEFT_NOTICE_H

struct server;

/** Shows lines of text until they are replaced, closed, or clicked on. */
void notice_show(struct server *server, const char *title, const char *const *lines, int count);
void notice_close(struct server *server);

#endif
