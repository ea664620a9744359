// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which experts a token goes to: a linear layer without bias gives every expert a logit, and the
// token takes the k largest (token choice). What a token gets depends on its own clip alone.
// Sources: Shazeer et al. 2017 (1701.06538); Fedus et al. 2021, Switch (2101.03961): capacity and
// the loss of balance; Zoph et al. 2022, ST-MoE (2202.08906): the loss of large logits.
#include <cstdint>
#include <string>

#include "models/network/layers/linear.h"

namespace permafrost {

struct RoutingSpec {
  int experts = 0;  // E; 0: there are none
  int chosen = 2;   // k, experts that a token goes to
  // Places of an expert for the tokens of a clip, as a factor of k N / E; what finds none adds
  // nothing, and its token passes by the residual alone. 0: as many as are needed (dropless).
  double capacity = 0;
  // Gates are the probabilities of the chosen, divided by their sum where there are several. False:
  // never divided.
  bool renormalised = true;
};

struct Routing {
  at::Tensor logits, probabilities;  // float32 [B,N,E]
  at::Tensor chosen;                 // int64 [B,N,k], best first; of equal ones the lower first
  at::Tensor gates;                  // float32 [B,N,k], 0 where an expert had no place
  at::Tensor kept;                   // bool [B,N,k]; undefined: all are
};

bool is_renormalised(const RoutingSpec& spec);

// Whether a tensor of this name is computed with in float32 whatever the precision, and written so:
// the weights of routers. Rounded, they would send other tokens to other experts.
bool stays_float32(const std::string& name);

// `gate` [E,D], x [B,N,D] of any floating dtype; a B is a clip. Computed in float32 (float64 of
// float64). On a device nothing is read back.
Routing route(const at::Tensor& gate, const at::Tensor& x, const RoutingSpec& spec);

// Places of an expert for a clip of `tokens` tokens: the factor times k N / E, rounded up.
std::int64_t places_of_an_expert(const RoutingSpec& spec, std::int64_t tokens);
// bool [B,N,k]: all first choices of a clip in order of its tokens find a place, then all second
// ones.
at::Tensor within_capacity(const at::Tensor& chosen, int experts, std::int64_t places);

// E * sum over e of f_e P_e, with f_e the share of a clip's k N choices that fell on e and P_e the
// mean of its probabilities: the mean over clips. 1 where the load is even.
at::Tensor balance_loss(const Routing& routing);
// Mean over tokens of (log of the sum of exp(logits))^2.
at::Tensor router_z_loss(const Routing& routing);

}  // namespace permafrost
