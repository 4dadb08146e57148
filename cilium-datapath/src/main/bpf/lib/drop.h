/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reasons of a drop. The numbers are the field's; Java knows each by name (core.DropReason). */
#pragma once

#define DROP_INVALID_SOURCE_IP 132
#define DROP_POLICY_DENIED 133
#define DROP_INVALID_PACKET 134
#define DROP_CT_INVALID_HEADER 135
#define DROP_UNSUPPORTED_L3 139
#define DROP_WRITE_ERROR 141
#define DROP_CT_INSERT_FAILED 155
#define DROP_FRAGMENT_NOT_FOUND 162
#define DROP_POLICY_DENY 181
#define DROP_AUTH_REQUIRED 189
#define DROP_UNKNOWN_ENDPOINT 200
#define DROP_UNKNOWN_SENDER 201
#define DROP_LINK_LOCAL 202
