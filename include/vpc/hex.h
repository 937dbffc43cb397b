/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hexadecimal digits, and MAC addresses, which are written in them. */
#ifndef VPC_HEX_H
#define VPC_HEX_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 0 to 15; -1: not a hexadecimal digit. Either case. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Two lower-case digits a byte. ret has room for 2 * n + 1 bytes and ends with NUL. */
static inline void hex_encode(const uint8_t *bytes, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * n] = '\0';
}

#define MAC_STRLEN sizeof("02:00:00:00:00:00")

/* "02:00:00:00:00:00", digits of either case. -EINVAL; *ret is then unchanged. */
static inline int mac_parse(const char *text, uint8_t ret[6])
{
	uint8_t mac[6];

	if (strlen(text) != MAC_STRLEN - 1)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(mac); i++) {
		int high = hex_value(text[3 * i]), low = hex_value(text[3 * i + 1]);

		if (high < 0 || low < 0 || text[3 * i + 2] != (i == 5 ? '\0' : ':'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

/* Lower-case. Returns buf. */
static inline const char *mac_format(const uint8_t mac[6], char buf[MAC_STRLEN])
{
	for (size_t i = 0; i < 6; i++) {
		hex_encode(mac + i, 1, buf + 3 * i);
		buf[3 * i + 2] = i == 5 ? '\0' : ':';
	}
	return buf;
}

#endif
