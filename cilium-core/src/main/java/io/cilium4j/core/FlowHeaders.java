// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/**
 * What the headers of a reported packet say that decides nothing.
 *
 * @param source the Ethernet address of the device that sent the frame to the node
 * @param destination the Ethernet address that the frame was sent to
 * @param icmpCode the code of an ICMP message; 0 for other protocols
 */
public record FlowHeaders(MacAddress source, MacAddress destination, int icmpCode) {}
