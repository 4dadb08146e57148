// SPDX-License-Identifier: Apache-2.0

/**
 * What joins the HTTP proxy to the agent: the datapath's place for its sockets and whose each
 * connection is, the rules of the node's endpoints, and where its records of requests go.
 */
package io.cilium4j.agent.proxy;
