/* SPDX-License-Identifier: MIT */
/* Buffers that are shared: dumb buffers, PRIME, dma-bufs, udmabuf. */
#include "check.h"

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <poll.h>

#define SIZE 65536

static uint32_t dumb(uint32_t w, uint32_t h, uint32_t *pitch, uint64_t *size)
{
	struct drm_mode_create_dumb c = {.width = w, .height = h, .bpp = 32};
	if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &c))
		return 0;
	if (pitch)
		*pitch = c.pitch;
	if (size)
		*size = c.size;
	return c.handle;
}

static int free_dumb(uint32_t handle)
{
	struct drm_mode_destroy_dumb d = {.handle = handle};
	return ioctl(card, DRM_IOCTL_MODE_DESTROY_DUMB, &d);
}

static int prime(uint32_t handle, uint32_t flags)
{
	struct drm_prime_handle p = {.handle = handle, .flags = flags, .fd = -1};
	return ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p) ? -1 : p.fd;
}

static uint32_t import(int fd)
{
	struct drm_prime_handle p = {.fd = fd};
	return ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p) ? 0 : p.handle;
}

static int sync_access(int fd, uint64_t flags)
{
	struct dma_buf_sync s = {.flags = flags};
	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &s);
}

static bool prime_is_the_buffer(void)
{
	uint64_t size;
	uint32_t h = dumb(64, 64, NULL, &size);
	struct drm_mode_map_dumb m = {.handle = h};
	NEED(h && ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &m) == 0);
	uint32_t *a = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)m.offset);
	NEED(a != MAP_FAILED);
	int fd = prime(h, DRM_CLOEXEC | DRM_RDWR);
	NEED(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	NEED(lseek(fd, 0, SEEK_END) == (off_t)size);
	uint32_t *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(b != MAP_FAILED);
	a[100] = 0x12345678;
	NEED(sync_access(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW) == 0);
	NEED(b[100] == 0x12345678);
	b[101] = 0x9abcdef0;
	NEED(sync_access(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW) == 0);
	NEED(a[101] == 0x9abcdef0);
	NEED(import(fd) == h); /* the same handle in the file that has it */
	NEED_ERROR(sync_access(fd, 0x100), EINVAL);
	uint32_t other = dumb(64, 64, NULL, NULL);
	int read_only = prime(other, DRM_CLOEXEC);
	NEED(read_only >= 0);
	NEED(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, read_only, 0) == MAP_FAILED && (errno == EACCES || errno == EINVAL));
	NEED(free_dumb(h) == 0 && free_dumb(other) == 0);
	NEED(b[100] == 0x12345678); /* mappings keep the memory */
	uint32_t again = import(fd);
	NEED(again && free_dumb(again) == 0);
	munmap(a, size);
	munmap(b, size);
	NEED(close(fd) == 0 && close(read_only) == 0);
	return true;
}

static bool not_dmabufs(void)
{
	int memfd = memfd_create("plain", 0);
	NEED(memfd >= 0 && ftruncate(memfd, SIZE) == 0);
	errno = 0;
	NEED(import(memfd) == 0 && errno == EINVAL);
	NEED(import(card) == 0 && errno == EINVAL);
	NEED(prime(0xffff, DRM_CLOEXEC) == -1 && errno == ENOENT);
	NEED_ERROR(sync_access(memfd, DMA_BUF_SYNC_RW), ENOTTY);
	close(memfd);
	return true;
}

static bool fences(void)
{
	uint32_t h = dumb(32, 32, NULL, NULL);
	int fd = prime(h, DRM_CLOEXEC | DRM_RDWR);
	struct {
		uint32_t flags;
		int32_t fd;
	} e = {DMA_BUF_SYNC_RW, -1}, i;
	NEED(fd >= 0 && ioctl(fd, _IOWR('b', 2, e), &e) == 0 && e.fd >= 0);
	struct pollfd p = {.fd = e.fd, .events = POLLIN};
	NEED(poll(&p, 1, 1000) == 1);
	i = (__typeof__(i)){DMA_BUF_SYNC_WRITE, e.fd};
	NEED(ioctl(fd, _IOW('b', 3, i), &i) == 0);
	i.fd = card;
	NEED(ioctl(fd, _IOW('b', 3, i), &i) == -1);
	i = (__typeof__(i)){8, e.fd};
	NEED_ERROR(ioctl(fd, _IOW('b', 3, i), &i), EINVAL);
	p = (struct pollfd){.fd = fd, .events = POLLIN | POLLOUT};
	NEED(poll(&p, 1, 1000) == 1 && p.revents & POLLOUT);
	NEED(close(e.fd) == 0 && close(fd) == 0 && free_dumb(h) == 0);
	return true;
}

static int udmabuf(int dev, int memfd, uint64_t offset, uint64_t size)
{
	struct udmabuf_create c = {.memfd = (uint32_t)memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .offset = offset, .size = size};
	return ioctl(dev, UDMABUF_CREATE, &c);
}

static bool udmabufs(void)
{
	int dev = open("/dev/udmabuf", O_RDWR), memfd = memfd_create("lp_dma_buf", MFD_ALLOW_SEALING);
	NEED(dev >= 0 && memfd >= 0 && ftruncate(memfd, SIZE) == 0);
	NEED_ERROR(udmabuf(dev, memfd, 0, SIZE), EINVAL); /* could shrink */
	NEED(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	NEED_ERROR(udmabuf(dev, memfd, 1, SIZE), EINVAL);
	NEED_ERROR(udmabuf(dev, memfd, 0, SIZE * 2), EINVAL);
	NEED_ERROR(udmabuf(dev, memfd, 0, 0), EINVAL);
	NEED_ERROR(udmabuf(dev, card, 0, SIZE), EBADFD);
	int fd = udmabuf(dev, memfd, 0, SIZE), part = udmabuf(dev, memfd, 8192, 4096);
	NEED(fd >= 0 && part >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	uint8_t *a = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	uint8_t *b = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint8_t *c = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, part, 0);
	NEED(a != MAP_FAILED && b != MAP_FAILED && c != MAP_FAILED);
	NEED(mmap(NULL, 8192, PROT_READ, MAP_SHARED, part, 0) == MAP_FAILED && errno == EINVAL);
	a[5] = 1;
	a[8192 + 7] = 2;
	NEED(b[5] == 1 && c[7] == 2);
	c[8] = 3;
	NEED(a[8200] == 3);
	NEED(close(memfd) == 0 && close(fd) == 0);
	NEED(b[5] == 1 && c[7] == 2);
	struct {
		uint32_t flags;
		int32_t fd;
	} e = {DMA_BUF_SYNC_RW, -1};
	NEED(ioctl(part, _IOWR('b', 2, e), &e) == 0 && close(e.fd) == 0);
	munmap(a, SIZE);
	munmap(b, SIZE);
	munmap(c, 4096);
	NEED(close(part) == 0 && close(dev) == 0);
	return true;
}

void share_checks(void)
{
	check("PRIME shares a buffer", prime_is_the_buffer);
	check("what is no dma-buf is refused", not_dmabufs);
	check("fences of dma-bufs", fences);
	check("udmabuf", udmabufs);
}
