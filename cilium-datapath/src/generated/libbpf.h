/* SPDX-License-Identifier: Apache-2.0 */
/* The one header that jextract reads: everything of libbpf that the seam calls. */
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
