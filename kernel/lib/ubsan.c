/* SPDX-License-Identifier: MIT */
/* -fsanitize=undefined calls these (meson option kernel_ubsan). Each one's data begins with the
 * place in the source. */
#include <kernel/kernel.h>

struct place {
	const char *file;
	u32 line, column;
};

static NORETURN void report(const char *what, const struct place *p)
{
	panic("ubsan: %s at %s:%u:%u", what, p->file, p->line, p->column);
}

#define HANDLER(name, what)                                                                        \
	void __ubsan_handle_##name(struct place *p);                                               \
	void __ubsan_handle_##name(struct place *p)                                                \
	{                                                                                          \
		report(what, p);                                                                   \
	}

HANDLER(type_mismatch_v1, "null, misaligned or too small object")
HANDLER(pointer_overflow, "pointer overflow")
HANDLER(shift_out_of_bounds, "shift out of bounds")
HANDLER(out_of_bounds, "index out of bounds")
HANDLER(add_overflow, "overflow in +")
HANDLER(sub_overflow, "overflow in -")
HANDLER(mul_overflow, "overflow in *")
HANDLER(negate_overflow, "overflow in unary -")
HANDLER(divrem_overflow, "overflow in / or %")
HANDLER(load_invalid_value, "invalid value of bool or enum")
HANDLER(builtin_unreachable, "unreachable code")
HANDLER(missing_return, "missing return")
HANDLER(nonnull_arg, "null argument")
HANDLER(nonnull_return_v1, "null returned")
HANDLER(vla_bound_not_positive, "array length")
HANDLER(invalid_builtin, "builtin's argument")
