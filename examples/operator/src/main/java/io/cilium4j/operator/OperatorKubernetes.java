// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.RawResource;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.k8s.api.ApiClient;
import io.cilium4j.k8s.api.ApiException;
import io.cilium4j.k8s.api.PolicyConditions;
import io.cilium4j.k8s.crd.CustomResourceInstaller;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What an operator does in a cluster that an API server keeps, beside its duties in any cluster.
 */
final class OperatorKubernetes implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OperatorKubernetes.class);

  private static final Duration RETRY = Duration.ofSeconds(2);

  private static final Duration CHECK = Duration.ofMillis(200);

  private final ApiClient client;
  private final PolicyConfig policies;
  private final Thread installer;
  private volatile boolean closed;

  /**
   * Begins to install the definitions of custom resources, leading or not: without them nobody has
   * anything to do.
   *
   * @param client ends with this
   * @param policies what a policy may say
   * @param isInstaller whether the definitions are to be installed
   */
  OperatorKubernetes(ApiClient client, PolicyConfig policies, boolean isInstaller) {
    this.client = client;
    this.policies = policies;
    this.installer = Thread.ofVirtual().name("definitions").unstarted(this::install);
    if (isInstaller) {
      installer.start();
    }
  }

  private void install() {
    String lastError = "";
    while (!closed) {
      try {
        int written = new CustomResourceInstaller(client).install();
        LOG.info("definitions of custom resources are up to date written={}", written);
        return;
      } catch (ApiException e) {
        // Once, and not at each try.
        if (!closed && !String.valueOf(e.getMessage()).equals(lastError)) {
          lastError = String.valueOf(e.getMessage());
          LOG.warn("definitions of custom resources not installed error=\"{}\"", lastError);
        }
        LockSupport.parkNanos(RETRY.toNanos());
      }
    }
  }

  /**
   * Waits until the definitions are installed and served, so that nobody asks for what is not there
   * yet; but not for ever: somebody else may have to install them.
   */
  void awaitDefinitions(Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    if (installer.getState() != Thread.State.NEW) {
      installer.join(atMost);
    }
    while (!areServed() && end - System.nanoTime() > 0) {
      Thread.sleep(CHECK);
    }
  }

  private boolean areServed() {
    try {
      return new CustomResourceInstaller(client).areServed();
    } catch (ApiException e) {
      return false;
    }
  }

  /** The duty of a leader to say of each policy whether it can be read. */
  PolicyConditions conditions(Term term) {
    return new PolicyConditions(client, policy -> problem(policy, policies), term);
  }

  /** What is wrong with a policy, in one line; empty if nothing is. */
  static String problem(RawResource policy, PolicyConfig config) {
    List<PolicyParseException> errors =
        PolicyParser.checkTree(policy.object(), "", config).errors();
    // Before the first colon stands the file that it was read from, which is none.
    return errors.isEmpty()
        ? ""
        : String.valueOf(errors.getFirst().getMessage()).replaceFirst("^: ", "");
  }

  @Override
  public void close() {
    closed = true;
    LockSupport.unpark(installer);
    client.close();
  }
}
