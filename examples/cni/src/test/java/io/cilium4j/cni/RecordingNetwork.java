// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import io.cilium4j.core.IpAddress;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Remembers what it was asked for, and fails on demand. */
final class RecordingNetwork implements CniNetwork {

  static final CniResult RESULT =
      new CniResult(
          List.of(
              new CniResult.Interface("lxc1", "02:00:00:00:00:01", 1450, ""),
              new CniResult.Interface("eth0", "02:00:00:00:00:02", 1450, "/run/netns/a")),
          List.of(
              new CniResult.Address(
                  IpAddress.parse("10.1.0.5"), 32, Optional.of(IpAddress.parse("10.1.0.1")), 1),
              new CniResult.Address(IpAddress.parse("fd00::5"), 128, Optional.empty(), 1)),
          CniResult.Route.everythingBy(IpAddress.parse("10.1.0.1")));

  final List<CniRequest> requests = new CopyOnWriteArrayList<>();
  final List<String> undone = new CopyOnWriteArrayList<>();

  volatile @Nullable RuntimeException failure;

  private void take(CniRequest request) {
    requests.add(request);
    fail();
  }

  private void fail() {
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public Added add(CniRequest.Add request) {
    take(request);
    return new Added(RESULT, () -> undone.add(request.attachment().toString()));
  }

  @Override
  public void delete(CniRequest.Delete request) {
    take(request);
  }

  @Override
  public void check(CniRequest.Check request) {
    take(request);
  }

  @Override
  public void collect(CniRequest.Collect request) {
    take(request);
  }

  @Override
  public void status() {
    fail();
  }
}
