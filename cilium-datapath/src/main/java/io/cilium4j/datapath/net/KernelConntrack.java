// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Errno;
import java.util.List;
import java.util.function.Predicate;

/**
 * The connections that the kernel itself tracks ({@code nf_conntrack}), which its NAT translates:
 * those of masqueraded pods, and of clients outside that ask services. Of protocols without ports
 * there is nothing here.
 *
 * <p>What the kernel refuses is a {@link NetlinkException}. Safe for use by several threads; the
 * socket stays in the namespace it was opened in.
 */
public final class KernelConntrack implements AutoCloseable {

  /** Both ends, as the packets of one direction have them. */
  public record Tuple(
      IpAddress source, int sourcePort, IpAddress destination, int destinationPort) {

    @Override
    public String toString() {
      return end(source, sourcePort) + " -> " + end(destination, destinationPort);
    }

    private static String end(IpAddress address, int port) {
      return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + port;
    }
  }

  /**
   * A connection.
   *
   * @param protocol its number in the IP header
   * @param original as the client's packets come in
   * @param reply as the answers to them come in: from the backend, to the translated client
   * @param isSourceTranslated whether the client's address or port is another one behind the node
   * @param isDestinationTranslated whether that which the client asked is
   * @param secondsLeft until it is forgotten unless there are more packets
   * @param id tells it from an earlier one of the same ends
   */
  public record Connection(
      int protocol,
      Tuple original,
      Tuple reply,
      boolean isSourceTranslated,
      boolean isDestinationTranslated,
      int secondsLeft,
      int id) {

    /** As the node sends the client's packets on: the answers' ends, the other way about. */
    public Tuple translated() {
      return new Tuple(
          /* source= */ reply.destination,
          /* sourcePort= */ reply.destinationPort,
          /* destination= */ reply.source,
          /* destinationPort= */ reply.sourcePort);
    }
  }

  private final NetlinkSocket socket;

  private KernelConntrack(NetlinkSocket socket) {
    this.socket = socket;
  }

  /** Opens that of the calling thread's namespace. */
  public static KernelConntrack open() {
    return new KernelConntrack(new NetlinkSocket(NetlinkSocket.NETLINK_NETFILTER));
  }

  /** The connections of a family. */
  public List<Connection> list(IpFamily family) {
    return socket.dump(ConntrackMessages.list(family), ConntrackMessages::decode);
  }

  /**
   * Forgets connections: the next packet of each is as the first of a new one.
   *
   * @return how many
   */
  public int delete(IpFamily family, Predicate<Connection> which) {
    int count = 0;
    for (Connection connection : list(family)) {
      if (which.test(connection) && delete(connection)) {
        count++;
      }
    }
    return count;
  }

  private boolean delete(Connection connection) {
    try {
      socket.execute(ConntrackMessages.delete(connection));
      return true;
    } catch (NetlinkException e) {
      if (e.errno() == Errno.ENOENT) {
        return false; // It ended meanwhile.
      }
      throw e;
    }
  }

  @Override
  public void close() {
    socket.close();
  }
}
