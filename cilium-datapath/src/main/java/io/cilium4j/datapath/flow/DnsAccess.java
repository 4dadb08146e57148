// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.IpAddress;
import java.util.List;

/**
 * What a proxy saw of a question to DNS. What the answer says is empty while there is none.
 *
 * @param name the name that is asked for, with the closing dot; empty for a question that could not
 *     be read
 * @param queryTypes the record types that are asked for: {@code A}, {@code AAAA}, …
 * @param rcode the answer's code; 0 for no error
 * @param addresses the addresses of the answer
 * @param cnames the names that the name is an alias of
 * @param recordTypes the types of the answer's records
 * @param ttlSeconds the shortest time to live of the records
 * @param latencyNanos until the server answered; 0 where no server was asked
 */
public record DnsAccess(
    String name,
    List<String> queryTypes,
    int rcode,
    List<IpAddress> addresses,
    List<String> cnames,
    List<String> recordTypes,
    long ttlSeconds,
    long latencyNanos) {
  public DnsAccess {
    queryTypes = List.copyOf(queryTypes);
    addresses = List.copyOf(addresses);
    cnames = List.copyOf(cnames);
    recordTypes = List.copyOf(recordTypes);
  }
}
