// SPDX-License-Identifier: Apache-2.0

/** Commands about services and recorders: {@code service}, {@code lrp}, {@code recorder}. */
package io.cilium4j.cli.service;
