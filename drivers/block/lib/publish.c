/* SPDX-License-Identifier: MIT */
/* /dev, /sys and the udev records of a disk, as lsblk, blkid and libudev read them (Linux: ABI/stable/sysfs-block). */
#include "disk.h"

#include <native/call.h>
#include <native/devput.h>
#include <native/start.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE DEVPUT_FILE

static void common(const char *dir, const struct part *p)
{
	u32 minor = disk.minor + p->number;
	char uevent[192];

	snprintf(uevent, sizeof(uevent), "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=%s\n", disk.major,
		minor, p->name, p->number ? "partition" : "disk");
	dev_put_in(FILE, dir, "uevent", "%s%s%u%s%s%s", uevent, p->number ? "PARTN=" : "DISKSEQ=",
		p->number ? p->number : disk.minor / 16 + 1, p->label[0] ? "\nPARTNAME=" : "",
		p->label, "\n");
	dev_put_in(FILE, dir, "dev", "%u:%u\n", disk.major, minor);
	dev_put_in(FILE, dir, "size", "%llu\n", (unsigned long long)p->sectors);
	dev_put_in(FILE, dir, "ro", "%u\n", disk.read_only);
	dev_put_in(FILE, dir, "alignment_offset", "0\n");
	dev_put_in(FILE, dir, "discard_alignment", "0\n");
	dev_put_in(FILE, dir, "inflight", "       0        0\n");
	dev_put_in(FILE, dir, "stat", "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	dev_put_in(DEVPUT_LINK, dir, "subsystem", "/sys/class/block");
}

static void queue(const char *dir)
{
	u64 discard = disk.max_discard * DISK_SECTOR, zero = disk.max_zero * DISK_SECTOR;
	char q[200];

	snprintf(q, sizeof(q), "%s/queue", dir);
	dev_put_in(FILE, q, "logical_block_size", "%u\n", disk.block_size);
	dev_put_in(FILE, q, "hw_sector_size", "%u\n", disk.block_size);
	dev_put_in(FILE, q, "physical_block_size", "%u\n", disk.physical_size);
	dev_put_in(FILE, q, "minimum_io_size", "%u\n", disk.physical_size);
	dev_put_in(FILE, q, "optimal_io_size", "%u\n", disk.optimal_size);
	dev_put_in(FILE, q, "max_sectors_kb", "%u\n", DISK_IO_MAX / 1024);
	dev_put_in(FILE, q, "max_hw_sectors_kb", "%u\n", DISK_IO_MAX / 1024);
	dev_put_in(FILE, q, "read_ahead_kb", "128\n");
	dev_put_in(FILE, q, "nr_requests", "64\n");
	dev_put_in(FILE, q, "rotational", "1\n");
	dev_put_in(FILE, q, "add_random", "0\n");
	dev_put_in(FILE, q, "scheduler", "[none]\n");
	dev_put_in(FILE, q, "zoned", "none\n");
	dev_put_in(FILE, q, "dax", "0\n");
	dev_put_in(FILE, q, "write_cache", disk.flush ? "write back\n" : "write through\n");
	dev_put_in(FILE, q, "discard_granularity", "%u\n", discard ? disk.block_size : 0);
	dev_put_in(FILE, q, "discard_max_bytes", "%llu\n", (unsigned long long)discard);
	dev_put_in(FILE, q, "discard_zeroes_data", "0\n");
	dev_put_in(FILE, q, "write_zeroes_max_bytes", "%llu\n", (unsigned long long)zero);
}

static void whole(const char *dir)
{
	dev_put_in(FILE, dir, "removable", "0\n");
	dev_put_in(FILE, dir, "hidden", "0\n");
	dev_put_in(FILE, dir, "range", "16\n");
	dev_put_in(FILE, dir, "ext_range", "256\n");
	dev_put_in(FILE, dir, "capability", "0\n");
	dev_put_in(FILE, dir, "diskseq", "%u\n", disk.minor / 16 + 1);
	dev_put_in(FILE, dir, "serial", "%s\n", disk.serial);
	dev_put_in(DEVPUT_LINK, dir, "device", "../../../%s", strrchr(disk.parent, '/') + 1);
	queue(dir);
}

static void partition(const char *dir, const struct part *p)
{
	dev_put_in(FILE, dir, "partition", "%u\n", p->number);
	dev_put_in(FILE, dir, "start", "%llu\n", (unsigned long long)p->first);
}

static void udev_record(const struct part *p)
{
	char path[64];
	u32 minor = disk.minor + p->number;

	snprintf(path, sizeof(path), "udev/data/b%u:%u", disk.major, minor);
	if (!p->number) {
		dev_put(DEVPUT_DATA, path, "I:1\nE:ID_SERIAL=%s\nE:ID_PART_TABLE_TYPE=gpt\nV:1\n",
			disk.serial);
		return;
	}
	dev_put(DEVPUT_DATA, path,
		"S:disk/by-partuuid/%s\nI:1\nE:ID_PART_ENTRY_SCHEME=gpt\nE:ID_PART_ENTRY_NAME=%s\n"
		"E:ID_PART_ENTRY_UUID=%s\nE:ID_PART_ENTRY_TYPE=%s\nE:ID_PART_ENTRY_NUMBER=%u\n"
		"E:ID_PART_ENTRY_OFFSET=%llu\nE:ID_PART_ENTRY_SIZE=%llu\n"
		"E:ID_PART_ENTRY_DISK=%u:%u\nV:1\n",
		p->id, p->label, p->id, p->type, p->number, (unsigned long long)p->first,
		(unsigned long long)p->sectors, disk.major, disk.minor);
	snprintf(path, sizeof(path), "dev/disk/by-partuuid/%s", p->id);
	dev_put(DEVPUT_LINK, path, "../../%s", p->name);
}

void publish(const struct publication *list, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const struct part *p = list[i].part;
		u32 minor = disk.minor + p->number;
		char dir[160], path[192];

		snprintf(dir, sizeof(dir), "sys/%s/block/%s%s%s", disk.parent, disk.name,
			p->number ? "/" : "", p->number ? p->name : "");
		common(dir, p);
		if (p->number)
			partition(dir, p);
		else
			whole(dir);
		if (!p->number) {
			snprintf(path, sizeof(path), "sys/block/%s", p->name);
			dev_put(DEVPUT_LINK, path, "../%s", dir + 4);
		}
		snprintf(path, sizeof(path), "sys/class/block/%s", p->name);
		dev_put(DEVPUT_LINK, path, "../../%s", dir + 4);
		snprintf(path, sizeof(path), "sys/dev/block/%u:%u", disk.major, minor);
		dev_put(DEVPUT_LINK, path, "../../%s", dir + 4);
		udev_record(p);
		snprintf(path, sizeof(path), "dev/%s", p->name);
		int e = dev_put_node(
			path, S_IFBLK | 0660, 0, 6, disk.major << 8 | minor, list[i].handle);

		weft_fd_close((u64)list[i].handle);
		if (e < 0)
			native_log("%s: no node: error %d", p->name, -e);
		if (e == 0) /* not the second time, after a restart: nothing has come or gone */
			dev_event("add", dir + 4, "block", "MAJOR=%u MINOR=%u DEVNAME=%s DEVTYPE=%s",
				disk.major, minor, p->name, p->number ? "partition" : "disk");
	}
}
