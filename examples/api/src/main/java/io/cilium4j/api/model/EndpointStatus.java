// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything the agent knows of an endpoint.
 *
 * @param log the newest line first
 * @param state one of {@code waiting-for-identity}, {@code not-ready}, {@code
 *     waiting-to-regenerate}, {@code regenerating}, {@code restoring}, {@code ready}, {@code
 *     disconnecting}, {@code disconnected}, {@code invalid}
 */
public record EndpointStatus(
    @JsonProperty("external-identifiers") @Nullable EndpointIdentifiers externalIdentifiers,
    @Nullable Identity identity,
    @Nullable LabelConfigurationStatus labels,
    @Nullable EndpointConfigurationSpec realized,
    @Nullable EndpointNetworking networking,
    @Nullable EndpointPolicyStatus policy,
    List<EndpointStatusChange> log,
    List<ControllerStatus> controllers,
    @JsonInclude(JsonInclude.Include.ALWAYS) String state,
    @Nullable EndpointHealth health,
    List<Port> namedPorts) {
  public EndpointStatus {
    log = Absent.list(log);
    controllers = Absent.list(controllers);
    state = Absent.text(state);
    namedPorts = Absent.list(namedPorts);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private @Nullable EndpointIdentifiers externalIdentifiers;
    private @Nullable Identity identity;
    private @Nullable LabelConfigurationStatus labels;
    private @Nullable EndpointConfigurationSpec realized;
    private @Nullable EndpointNetworking networking;
    private @Nullable EndpointPolicyStatus policy;
    private List<EndpointStatusChange> log = List.of();
    private List<ControllerStatus> controllers = List.of();
    private String state = "";
    private @Nullable EndpointHealth health;
    private List<Port> namedPorts = List.of();

    private Builder() {}

    public Builder externalIdentifiers(@Nullable EndpointIdentifiers value) {
      externalIdentifiers = value;
      return this;
    }

    public Builder identity(@Nullable Identity value) {
      identity = value;
      return this;
    }

    public Builder labels(@Nullable LabelConfigurationStatus value) {
      labels = value;
      return this;
    }

    public Builder realized(@Nullable EndpointConfigurationSpec value) {
      realized = value;
      return this;
    }

    public Builder networking(@Nullable EndpointNetworking value) {
      networking = value;
      return this;
    }

    public Builder policy(@Nullable EndpointPolicyStatus value) {
      policy = value;
      return this;
    }

    public Builder log(List<EndpointStatusChange> value) {
      log = value;
      return this;
    }

    public Builder controllers(List<ControllerStatus> value) {
      controllers = value;
      return this;
    }

    public Builder state(String value) {
      state = value;
      return this;
    }

    public Builder health(@Nullable EndpointHealth value) {
      health = value;
      return this;
    }

    public Builder namedPorts(List<Port> value) {
      namedPorts = value;
      return this;
    }

    public EndpointStatus build() {
      return new EndpointStatus(
          externalIdentifiers,
          identity,
          labels,
          realized,
          networking,
          policy,
          log,
          controllers,
          state,
          health,
          namedPorts);
    }
  }
}
