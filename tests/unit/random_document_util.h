/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents for `vpcctl apply` with objects of most kinds. */
#ifndef TESTS_UNIT_RANDOM_DOCUMENT_UTIL_H
#define TESTS_UNIT_RANDOM_DOCUMENT_UTIL_H

/* The document of this seed: owned YAML. What can't be changed of an object follows from its name, so that any document
 * can be applied over any other. */
char *random_document(unsigned seed);

#endif
