/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl(1), made from the command table. */
#include <string.h>

#include <vpc/paths.h>

#include "cli/lib/cli.h"
#include "cli/lib/help.h"

static const char head[] =
	".\\\" SPDX-License-Identifier: GPL-2.0-or-later\n"
	".\\\" Made by `vpcctl completion man`: change the command table, not this file.\n"
	".TH VPCCTL 1 \"\" vpcd \"User Commands\"\n"
	".SH NAME\n"
	"vpcctl \\- private networks with security groups on this host\n"
	".SH SYNOPSIS\n"
	".B vpcctl\n"
	"[\\fB\\-\\-socket\\fR \\fIPATH\\fR] [\\fB\\-o\\fR table|json|yaml|id] \\fICOMMAND\\fR ...\n"
	".SH DESCRIPTION\n"
	"Makes and changes the VPCs, subnets, security groups and network interfaces that\n"
	".BR vpcd (8)\n"
	"keeps. When a command returns, its change is durable and every later packet is judged by it.\n"
	".PP\n"
	"Resources may be called by id or by name. Where a name fits several,\n"
	".B \\-\\-vpc\n"
	"says in which VPC it is looked up, and an id is always exact. Options may stand anywhere after the command.\n"
	".SH OPTIONS\n";

static const char tail[] =
	".SH OUTPUT\n"
	"Tables are for people. With \\fB\\-o json\\fR and \\fB\\-o yaml\\fR come the objects of the API as they are; "
	"a list\n"
	"is an array of them. With \\fB\\-o id\\fR comes one id a line. Tables are coloured on a terminal only, and "
	"not when\n"
	".B NO_COLOR\n"
	"is set.\n"
	".SH EXIT STATUS\n"
	".TP\n.B 0\nDone.\n"
	".TP\n.B 1\nRefused; \\fBvpcctl: CODE: message\\fR on standard error. Of \\fBverify\\fR: something differs.\n"
	".TP\n.B 2\nWrong usage; nothing was sent.\n"
	".TP\n.B 3\nNo daemon answers.\n"
	".SH ENVIRONMENT\n"
	".TP\n.B VPCD_SOCKET\nThe daemon's socket, if\n.B \\-\\-socket\nis not given.\n"
	".TP\n.B NO_COLOR\nNo colour, if not empty.\n"
	".SH FILES\n"
	".TP\n.I " VPCD_SOCKET "\nThe daemon's socket. Whoever may open it may change every network of this host.\n"
	".SH EXAMPLE\n"
	"A web server that the world may reach, on port 443 only:\n"
	".PP\n.nf\n"
	"vpcctl vpc create prod \\-\\-cidr 10.0.0.0/16\n"
	"vpcctl subnet create app \\-\\-vpc prod \\-\\-cidr 10.0.1.0/24\n"
	"vpcctl sg create web \\-\\-vpc prod\n"
	"vpcctl attach web1 \\-\\-subnet app \\-\\-sg web \\-\\-netns web1\n"
	"vpcctl sg authorize web ingress tcp 443 \\-\\-cidr 0.0.0.0/0\n"
	".fi\n"
	".SH SEE ALSO\n"
	".BR vpcd (8),\n"
	".BR vpcd.conf (5)\n";

/* Text of ours as roff: hyphens that are to be typed, backslashes; a line must not begin as a request does. */
static void print_roff(FILE *f, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", f);
		if (*text == '-')
			fputs("\\-", f);
		else if (*text == '\\')
			fputs("\\e", f);
		else
			fputc(*text, f);
		line_start = *text == '\n';
	}
}

static void print_params(FILE *f, const struct param *params)
{
	for (const struct param *p = params; p->name; p++) {
		if (p->flags & PARAM_HIDDEN)
			continue;
		fputs(".TP\n\\fB", f);
		print_roff(f, p->name);
		fputs("\\fR", f);
		if (p->metavar) {
			fputs(" \\fI", f);
			print_roff(f, p->metavar);
			fputs("\\fR", f);
		}
		fputc('\n', f);
		print_roff(f, p->help);
		fputs(p->flags & PARAM_REPEAT && p->name[0] == '-' ? " (repeatable)\n" : "\n", f);
	}
}

static void print_usage(FILE *f, const struct command *c)
{
	_cleanup_free_ char *usage = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&usage, &size);

	if (!memory)
		return;
	help_usage(memory, c, "");
	if (fclose(memory) == 0)
		print_roff(f, usage);
}

static void print_command(FILE *f, const struct command *c)
{
	fprintf(f, ".SS %s%s%s\n.nf\n", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");
	print_usage(f, c);
	fputs(".fi\n.PP\n", f);
	print_roff(f, c->summary);
	fputs(".\n", f);
	if (c->notes) {
		print_roff(f, c->notes);
		fputc('\n', f);
	}
	print_params(f, c->params);
	fputs(".PP\nExample:\n.PP\n.nf\n", f);
	print_roff(f, c->example);
	fputs("\n.fi\n", f);
}

void help_manual(FILE *f)
{
	fputs(head, f);
	print_params(f, cli_globals);
	fputs(".SH COMMANDS\n", f);
	for (size_t i = 0; cli_command(i); i++)
		print_command(f, cli_command(i));
	fputs(tail, f);
}
