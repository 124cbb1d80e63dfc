/* SPDX-License-Identifier: MIT */
#include "inet.h"

i64 rt_inet_name(u64 addr, u64 len, bool bind, struct sockaddr_un_ *un, u16 *port)
{
	struct sockaddr_in6_ a;
	static const u8 one[16] = {[15] = 1}, any[16] = {0}, lo4[4] = {127, 0, 0, 1};
	u8 host[16] = {0};

	memset(&a, 0, sizeof(a));
	if (copy_in(&a, addr, MIN(len, sizeof(a))))
		return -EFAULT;
	if (a.family == AF_INET) {
		const struct sockaddr_in_ *v4 = (const struct sockaddr_in_ *)&a;
		if (len < sizeof(*v4))
			return -EINVAL;
		bool zero = !v4->addr[0] && !v4->addr[1] && !v4->addr[2] && !v4->addr[3];
		if (v4->addr[0] != 127 && !zero)
			return bind ? -EADDRNOTAVAIL : -ENETUNREACH;
		memcpy(host, zero && !bind ? lo4 : v4->addr, 4);
	} else if (a.family == AF_INET6) {
		if (len < 24)
			return -EINVAL;
		if (memcmp(a.addr, one, 16) && memcmp(a.addr, any, 16))
			return bind ? -EADDRNOTAVAIL : -ENETUNREACH;
		memcpy(host, bind ? a.addr : one, 16);
	} else {
		return -EAFNOSUPPORT;
	}
	memset(un, 0, sizeof(*un));
	un->family = AF_UNIX;
	un->path[1] = 1;
	un->path[2] = 'i';
	un->path[3] = a.family;
	memcpy(un->path + 6, host, sizeof(host));
	*port = a.port;
	rt_inet_set_port(un, a.port);
	return 0;
}

bool rt_is_inet(u64 addr, u64 len)
{
	u16 family;

	return len >= 2 && !get_u16(&family, addr) && (family == AF_INET || family == AF_INET6);
}

i64 rt_udp_name(u64 addr, u64 len, bool bind, struct sockaddr_un_ *un)
{
	u16 port;
	i64 r = rt_inet_name(addr, len, bind, un, &port);

	un->path[2] = 'u';
	return r;
}

void rt_inet_set_port(struct sockaddr_un_ *un, u16 port)
{
	un->path[4] = port & 0xff;
	un->path[5] = port >> 8;
}

bool rt_inet_is_name(const u8 *un, u32 len)
{
	return len == INET_NAME_LEN && un[2] == 0 && un[3] == 1 && (un[4] == 'i' || un[4] == 'u') && (un[5] == AF_INET || un[5] == AF_INET6);
}

u32 rt_inet_address(const u8 *un, u8 out[28])
{
	memset(out, 0, 28);
	out[0] = un[5];
	out[2] = un[6];
	out[3] = un[7];
	memcpy(out + (un[5] == AF_INET ? 4 : 8), un + 8, un[5] == AF_INET ? 4 : 16);
	return un[5] == AF_INET ? sizeof(struct sockaddr_in_) : sizeof(struct sockaddr_in6_);
}

void rt_inet_remember(u64 object, u32 family)
{
	struct rt_proc *p = rt_proc();

	rt_lock_take(&p->misc_lock);
	p->inet[p->inet_next++ % RT_INETS] = object << 8 | family;
	rt_lock_drop(&p->misc_lock);
}

u32 rt_inet_family(u64 object)
{
	const struct rt_proc *p = rt_proc();

	for (u32 i = 0; i < RT_INETS; i++)
		if (p->inet[i] >> 8 == object)
			return p->inet[i] & 0xff;
	return 0;
}

u16 rt_inet_random_port(void)
{
	u16 r = 0;

	NC(SYS_CTL, -1, WEFT_SYS_RANDOM, &r, sizeof(r), 0);
	r = 32768 + r % 28232;
	return r << 8 | r >> 8;
}
