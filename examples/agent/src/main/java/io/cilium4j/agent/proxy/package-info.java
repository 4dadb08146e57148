// SPDX-License-Identifier: Apache-2.0

/**
 * What joins the proxies to the agent: the datapath's place for their sockets and whose each flow
 * is, the rules of the node's endpoints, and where their records of requests go.
 */
package io.cilium4j.agent.proxy;
