/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reasons of a drop. Numbers below 230 are Cilium's, those from 230 on are ours. Java knows each by name: a
 * test compares this file with core.DropReason.
 */
#pragma once

#define DROP_INVALID_SOURCE_IP 132
#define DROP_POLICY_DENIED 133
#define DROP_INVALID_PACKET 134
#define DROP_CT_INVALID_HEADER 135
#define DROP_UNSUPPORTED_L3 139
#define DROP_NO_LOCAL_ENDPOINT 152
#define DROP_CT_INSERT_FAILED 155
#define DROP_INVALID_EXTENSION_HEADER 156
#define DROP_UNKNOWN_SENDER 172
#define DROP_FRAGMENT_NOT_FOUND 175
#define DROP_FORBIDDEN_ICMPV6 176
#define DROP_POLICY_DENY 181
#define DROP_VLAN_FILTERED 182
#define DROP_SCRATCH_MISSING 184
#define DROP_AUTH_REQUIRED 189
#define DROP_CHANGE_UNDER_WAY 230
#define DROP_CONNECTION_REVOKED 231
