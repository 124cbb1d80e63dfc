/* SPDX-License-Identifier: MIT */
/* What libdrm and libudev read of a card: its directories in /sys, links, and the udev records (native/devproto.h). */
#include "drm.h"

#include <native/devproto.h>
#include <native/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

static char pci_path[64]; /* below sys/ */

static void put(const char *path, u32 mode, u64 rdev, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void put(const char *path, u32 mode, u64 rdev, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct weft_buf bufs[2] = {{PTR(path), (u32)strlen(path), WEFT_BUF_IN}, {PTR(text), (u32)n, WEFT_BUF_IN}};
	struct weft_req r = {.op = DEVP_PUT, .args = {mode, 0, 0, rdev}, .nbufs = 2, .bufs = PTR(bufs)};
	i32 dev = native_fd("open:dev");
	i64 e = weft_fd_call((u64)dev, PTR(&r));
	if (e < 0 && e != -EEXIST)
		native_log("drm: %s: %d", path, (int)-e);
}

#define FILE_MODE (S_IFREG | 0444)
#define LINK_MODE (S_IFLNK | 0777)

static void card(const char *name, u32 minor)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/drm/%s/uevent", pci_path, name);
	put(path, FILE_MODE, 0, "MAJOR=226\nMINOR=%u\nDEVNAME=dri/%s\nDEVTYPE=drm_minor\n", minor, name);
	snprintf(path, sizeof(path), "%s/drm/%s/dev", pci_path, name);
	put(path, FILE_MODE, 0, "226:%u\n", minor);
	snprintf(path, sizeof(path), "%s/drm/%s/subsystem", pci_path, name);
	put(path, LINK_MODE, 0, "../../../../../class/drm");
	snprintf(path, sizeof(path), "%s/drm/%s/device", pci_path, name);
	put(path, LINK_MODE, 0, "../../../%s", strrchr(pci_path, '/') + 1);
	snprintf(path, sizeof(path), "sys/class/drm/%s", name);
	put(path, LINK_MODE, 0, "../../%s/drm/%s", pci_path + 4, name);
	snprintf(path, sizeof(path), "sys/dev/char/226:%u", minor);
	put(path, LINK_MODE, 0, "../../%s/drm/%s", pci_path + 4, name);
	snprintf(path, sizeof(path), "udev/data/c226:%u", minor);
	put(path, S_IFREG | 0644, 0, "I:1\nE:ID_PATH=pci-0000:%02x:%02x.%x\nE:ID_FOR_SEAT=drm-pci-0000_%02x_%02x_%x\nG:seat\nG:master-of-seat\nQ:seat\nV:1\n",
		hello.pci_bus, hello.pci_dev, hello.pci_fn, hello.pci_bus, hello.pci_dev, hello.pci_fn);
}

static void connector(u32 i)
{
	char path[160], name[32];
	snprintf(name, sizeof(name), "card0-Virtual-%u", i + 1);
	snprintf(path, sizeof(path), "%s/drm/card0/%s/uevent", pci_path, name);
	put(path, FILE_MODE, 0, "DEVTYPE=drm_connector\n");
	snprintf(path, sizeof(path), "%s/drm/card0/%s/status", pci_path, name);
	put(path, FILE_MODE, 0, "%s\n", outputs[i].connected ? "connected" : "disconnected");
	snprintf(path, sizeof(path), "%s/drm/card0/%s/subsystem", pci_path, name);
	put(path, LINK_MODE, 0, "../../../../../../class/drm");
	snprintf(path, sizeof(path), "%s/drm/card0/%s/device", pci_path, name);
	put(path, LINK_MODE, 0, "../../card0");
	snprintf(path, sizeof(path), "sys/class/drm/%s", name);
	put(path, LINK_MODE, 0, "../../%s/drm/card0/%s", pci_path + 4, name);
}

void sysfs_publish(void)
{
	char path[160];
	const struct {
		const char *name;
		u32 value;
		const char *fmt;
	} ids[] = {{"vendor", hello.vendor, "0x%04x\n"}, {"device", hello.device, "0x%04x\n"}, {"subsystem_vendor", hello.sub_vendor, "0x%04x\n"},
		{"subsystem_device", hello.sub_device, "0x%04x\n"}, {"revision", hello.pci_revision, "0x%02x\n"}, {"class", hello.class, "0x%06x\n"}};
	snprintf(pci_path, sizeof(pci_path), "sys/devices/pci0000:00/0000:%02x:%02x.%x", hello.pci_bus, hello.pci_dev, hello.pci_fn);
	put("sys/devices/pci0000:00/uevent", FILE_MODE, 0, "%s", "");
	for (u32 i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[32];
		snprintf(path, sizeof(path), "%s/%s", pci_path, ids[i].name);
		snprintf(text, sizeof(text), "0x%0*x\n", i == 4 ? 2 : i == 5 ? 6 : 4, ids[i].value);
		put(path, FILE_MODE, 0, "%s", text);
	}
	snprintf(path, sizeof(path), "%s/uevent", pci_path);
	put(path, FILE_MODE, 0, "DRIVER=virtio-pci\nPCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=0000:%02x:%02x.%x\n",
		hello.class, hello.vendor, hello.device, hello.sub_vendor, hello.sub_device, hello.pci_bus, hello.pci_dev, hello.pci_fn);
	snprintf(path, sizeof(path), "%s/subsystem", pci_path);
	put(path, LINK_MODE, 0, "../../../bus/pci");
	put("sys/bus/pci/uevent", FILE_MODE, 0, "%s", "");
	card("card0", 0);
	card("renderD128", 128);
	for (u32 i = 0; i < noutputs; i++)
		connector(i);
}

static void event(const char *what)
{
	char msg[512];
	int n = 0;
	if (!pci_path[0])
		return;
	n += snprintf(msg, sizeof(msg), "change@/%s/drm/card0", pci_path + 4) + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "ACTION=change") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "DEVPATH=/%s/drm/card0", pci_path + 4) + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "SUBSYSTEM=drm") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "%s=1", what) + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "DEVNAME=dri/card0") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "DEVTYPE=drm_minor") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "MAJOR=226") + 1;
	n += snprintf(msg + n, sizeof(msg) - (u32)n, "MINOR=0") + 1;
	struct weft_buf buf = {PTR(msg), (u32)n, WEFT_BUF_IN};
	struct weft_req r = {.op = DEVP_EVENT, .args = {1}, .nbufs = 1, .bufs = PTR(&buf)};
	weft_fd_call((u64)native_fd("open:dev"), PTR(&r));
}

void sysfs_hotplug(void)
{
	if (!pci_path[0])
		return;
	for (u32 i = 0; i < noutputs; i++)
		connector(i);
	event("HOTPLUG");
}

void sysfs_lease(void)
{
	event("LEASE");
}
