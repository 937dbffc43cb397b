/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/traffic.h"

#include <errno.h>
#include <stdlib.h>

struct seen {
	uint32_t incarnation;
	struct vpc_eni_stat stat;
};

struct traffic {
	struct seen *enis;
	struct vpc_eni_stat *vpcs;
	uint32_t enis_end, vpcs_end;
};

int traffic_new(uint32_t enis_end, uint32_t vpcs_end, struct traffic **ret)
{
	_cleanup_(traffic_freep) struct traffic *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->enis = calloc(enis_end, sizeof(*t->enis));
	t->vpcs = calloc(vpcs_end, sizeof(*t->vpcs));
	if (!t->enis || !t->vpcs)
		return -ENOMEM;
	t->enis_end = enis_end;
	t->vpcs_end = vpcs_end;
	*ret = TAKE_PTR(t);
	return 0;
}

struct traffic *traffic_free(struct traffic *t)
{
	if (!t)
		return NULL;
	free(t->enis);
	free(t->vpcs);
	free(t);
	return NULL;
}

/* What a counter has gained since it was *seen, which becomes what it is. */
static uint64_t gain(__u64 *seen, uint64_t now)
{
	uint64_t more = now > *seen ? now - *seen : 0;

	*seen += more;
	return more;
}

bool traffic_note(struct traffic *t, uint32_t vpc, uint32_t eni, uint32_t incarnation, const struct vpc_eni_stat *now)
{
	struct vpc_eni_stat *sum, more;
	struct seen *seen;

	if (eni >= t->enis_end || vpc >= t->vpcs_end)
		return false;
	seen = &t->enis[eni];
	if (seen->incarnation != incarnation)
		*seen = (struct seen){.incarnation = incarnation};
	more = (struct vpc_eni_stat){
		.rx_packets = gain(&seen->stat.rx_packets, now->rx_packets),
		.rx_bytes = gain(&seen->stat.rx_bytes, now->rx_bytes),
		.tx_packets = gain(&seen->stat.tx_packets, now->tx_packets),
		.tx_bytes = gain(&seen->stat.tx_bytes, now->tx_bytes),
	};
	sum = &t->vpcs[vpc];
	sum->rx_packets += more.rx_packets;
	sum->rx_bytes += more.rx_bytes;
	sum->tx_packets += more.tx_packets;
	sum->tx_bytes += more.tx_bytes;
	return more.rx_packets || more.tx_packets;
}

struct vpc_eni_stat traffic_of_vpc(const struct traffic *t, uint32_t vpc)
{
	return vpc < t->vpcs_end ? t->vpcs[vpc] : (struct vpc_eni_stat){};
}

void traffic_set_vpc(struct traffic *t, uint32_t vpc, const struct vpc_eni_stat *sum)
{
	if (vpc < t->vpcs_end)
		t->vpcs[vpc] = *sum;
}
