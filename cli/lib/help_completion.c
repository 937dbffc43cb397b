/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bash completion script. Its logic stands here once; its words follow from the command table. */
#include <string.h>

#include "cli/lib/cli.h"
#include "cli/lib/help.h"

static const char head[] =
	"# SPDX-License-Identifier: GPL-2.0-or-later\n"
	"# bash completion for vpcctl. Made by `vpcctl completion bash`: change the command table, not this file.\n"
	"# shellcheck shell=bash\n\n";

/* _vpcctl_values turns words of args_value_words() into candidates. */
static const char body[] =
	"_vpcctl_values() {\n"
	"\tlocal word\n"
	"\tfor word in $1; do\n"
	"\t\tcase $word in\n"
	"\t\t@files) compgen -f -- \"$2\" ;;\n"
	"\t\t@users) compgen -u -- \"$2\" ;;\n"
	"\t\t@netns)\n"
	"\t\t\tcompgen -f -- \"$2\"\n"
	"\t\t\tcompgen -W \"$(cd /run/netns 2>/dev/null && echo *)\" -- \"$2\"\n"
	"\t\t\t;;\n"
	"\t\t@*) compgen -W \"$(vpcctl \"${_vpcctl_socket[@]}\" completion names \"${word#@}\" 2>/dev/null)\" -- "
	"\"$2\" ;;\n"
	"\t\t*) compgen -W \"$word\" -- \"$2\" ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"}\n\n"
	"_vpcctl() {\n"
	"\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tlocal noun='' verb='' i word positional=0 command words=''\n"
	"\tlocal -a _vpcctl_socket=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ $word == -* && ! $word =~ ^-[0-9] ]]; then\n"
	"\t\t\t[[ $word == --socket ]] && _vpcctl_socket=(--socket \"${COMP_WORDS[i + 1]}\")\n"
	"\t\t\t[[ -n ${_vpcctl_flags[$word]-} ]] || ((i++))\n"
	"\t\telif [[ -z $noun ]]; then\n"
	"\t\t\tnoun=$word\n"
	"\t\telif [[ -z $verb && -n ${_vpcctl_verbs[$noun]-} ]]; then\n"
	"\t\t\tverb=$word\n"
	"\t\telse\n"
	"\t\t\t((positional++))\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tcommand=$noun${verb:+ $verb}\n"
	"\tif [[ $previous == -* && -z ${_vpcctl_flags[$previous]-} && ! $previous =~ ^-[0-9] ]]; then\n"
	"\t\twords=${_vpcctl_option_words[$command $previous]-${_vpcctl_option_words[$previous]-}}\n"
	"\telif [[ $current == -* ]]; then\n"
	"\t\twords=\"${_vpcctl_options[$command]-} $_vpcctl_globals\"\n"
	"\telif [[ -z $noun ]]; then\n"
	"\t\twords=$_vpcctl_nouns\n"
	"\telif [[ -z $verb && -n ${_vpcctl_verbs[$noun]-} ]]; then\n"
	"\t\twords=${_vpcctl_verbs[$noun]}\n"
	"\telse\n"
	"\t\twords=${_vpcctl_argument_words[$command $positional]-${_vpcctl_argument_words[$command +]-}}\n"
	"\tfi\n"
	"\tmapfile -t COMPREPLY < <(_vpcctl_values \"$words\" \"$current\")\n"
	"\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
	"}\n\n"
	"complete -F _vpcctl vpcctl\n";

static bool is_option(const struct param *p)
{
	return p->name[0] == '-';
}

static void print_key(FILE *f, const struct command *c)
{
	fprintf(f, "%s%s%s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "");
}

static bool is_first_of_noun(size_t i)
{
	return i == 0 || strcmp(cli_command(i)->noun, cli_command(i - 1)->noun) != 0;
}

static void print_nouns(FILE *f)
{
	fputs("_vpcctl_nouns='help", f);
	for (size_t i = 0; cli_command(i); i++)
		if (is_first_of_noun(i))
			fprintf(f, " %s", cli_command(i)->noun);
	fputs("'\ndeclare -gA _vpcctl_verbs=(", f);
	for (size_t i = 0; cli_command(i); i++) {
		if (!cli_command(i)->verb)
			continue;
		if (is_first_of_noun(i))
			fprintf(f, "\n\t[%s]='", cli_command(i)->noun);
		fprintf(f, "%s%s", is_first_of_noun(i) ? "" : " ", cli_command(i)->verb);
		if (!cli_command(i + 1) || is_first_of_noun(i + 1))
			fputc('\'', f);
	}
	fputs("\n)\n", f);
}

/* The names of the shown options of a list, in one line. */
static void print_options(FILE *f, const struct param *params)
{
	const char *between = "";

	for (const struct param *p = params; p->name; p++) {
		if (!is_option(p) || p->flags & PARAM_HIDDEN)
			continue;
		fprintf(f, "%s%s", between, p->name);
		between = " ";
	}
}

static void print_option_tables(FILE *f)
{
	fputs("_vpcctl_globals='", f);
	print_options(f, cli_globals);
	fputs("'\ndeclare -gA _vpcctl_options=(", f);
	for (size_t i = 0; cli_command(i); i++) {
		fputs("\n\t['", f);
		print_key(f, cli_command(i));
		fputs("']='", f);
		print_options(f, cli_command(i)->params);
		fputc('\'', f);
	}
	fputs("\n)\n", f);
}

/* Whether a command before this one has the same flag. */
static bool is_repeated_flag(size_t command, const char *name)
{
	for (size_t i = 0; i < command; i++)
		for (const struct param *p = cli_command(i)->params; p->name; p++)
			if (p->type == VALUE_FLAG && !strcmp(p->name, name))
				return true;
	return false;
}

/* Options without a value: the word after them is not theirs. */
static void print_flags(FILE *f)
{
	fputs("declare -gA _vpcctl_flags=(", f);
	for (const struct param *p = cli_globals; p->name; p++)
		if (p->type == VALUE_FLAG)
			fprintf(f, " [%s]=1", p->name);
	for (size_t i = 0; cli_command(i); i++)
		for (const struct param *p = cli_command(i)->params; p->name; p++)
			if (p->type == VALUE_FLAG && !is_repeated_flag(i, p->name))
				fprintf(f, " [%s]=1", p->name);
	fputs(" )\n", f);
}

static void print_option_words(FILE *f, const struct param *params, const struct command *c)
{
	for (const struct param *p = params; p->name; p++) {
		if (!is_option(p) || !*args_value_words(p->type))
			continue;
		fputs("\n\t['", f);
		if (c) {
			print_key(f, c);
			fputc(' ', f);
		}
		fprintf(f, "%s']='%s'", p->name, args_value_words(p->type));
	}
}

/* By position; a repeated argument's is "+". */
static void print_argument_words(FILE *f, const struct command *c)
{
	int position = 0;

	for (const struct param *p = c->params; p->name; p++) {
		if (is_option(p) || p->flags & PARAM_HIDDEN)
			continue;
		if (*args_value_words(p->type)) {
			fputs("\n\t['", f);
			print_key(f, c);
			if (p->flags & PARAM_REPEAT)
				fputs(" +", f);
			else
				fprintf(f, " %d", position);
			fprintf(f, "']='%s'", args_value_words(p->type));
		}
		position++;
	}
}

void help_completion(FILE *f)
{
	fputs(head, f);
	print_nouns(f);
	print_option_tables(f);
	print_flags(f);
	fputs("declare -gA _vpcctl_option_words=(", f);
	print_option_words(f, cli_globals, NULL);
	for (size_t i = 0; cli_command(i); i++)
		print_option_words(f, cli_command(i)->params, cli_command(i));
	fputs("\n)\ndeclare -gA _vpcctl_argument_words=(", f);
	for (size_t i = 0; cli_command(i); i++)
		print_argument_words(f, cli_command(i));
	fputs("\n)\n\n", f);
	fputs(body, f);
}
