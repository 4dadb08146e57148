// SPDX-License-Identifier: Apache-2.0

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Arrays;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** Runs test classes by name and exits 1 when a test fails, 2 when none ran: no build tool needed. */
final class RunTests {
  private RunTests() {}

  public static void main(String[] classes) {
    var listener = new SummaryGeneratingListener();
    var request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(Arrays.stream(classes).map(each -> selectClass(each)).toList())
            .build();
    LauncherFactory.create().execute(request, listener);
    var summary = listener.getSummary();
    for (var failure : summary.getFailures()) {
      System.out.println(failure.getTestIdentifier().getDisplayName());
      failure.getException().printStackTrace(System.out);
    }
    boolean failed = summary.getTotalFailureCount() > 0;
    System.exit(failed ? 1 : summary.getTestsSucceededCount() == 0 ? 2 : 0);
  }
}
