/* SPDX-License-Identifier: MIT */
/*
 * The picture behind everything, one per output: drawn by the compositor (woven bands over a
 * gradient), one colour, or a PNG file that covers the output. Programs such as swaybg draw over
 * it through layer-shell.
 */
#ifndef WEFT_WALLPAPER_H
#define WEFT_WALLPAPER_H

struct output;
struct wallpaper;

/** Makes, redraws or moves the output's wallpaper as needed. */
void wallpaper_update(struct output *output);
/** Draws it anew at the next wallpaper_update(). Accepts NULL. */
void wallpaper_invalidate(struct wallpaper *wallpaper);
/** Accepts NULL. */
void wallpaper_destroy(struct wallpaper *wallpaper);

#endif
