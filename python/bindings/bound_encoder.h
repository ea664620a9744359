// SPDX-License-Identifier: Apache-2.0
#pragma once

// An encoder as the module holds it, with the last other size that clips had: positions are then
// made once, not for every batch. Thread-safe.
#include <memory>
#include <mutex>
#include <utility>

#include "models/encoders/encoder.h"

namespace permafrost::python {

class BoundEncoder {
 public:
  explicit BoundEncoder(Encoder encoder)
      : encoder_(std::make_shared<const Encoder>(std::move(encoder))),
        sized_(std::make_shared<Sized>()) {}

  const Encoder& encoder() const { return *encoder_; }

  // Throws InputError for a shape that patches and tubelets do not divide.
  std::shared_ptr<const Encoder> at(const ClipShape& shape) const {
    if (encoder_->spec.clip_shape() == shape) return encoder_;
    const std::lock_guard lock(sized_->mutex);
    if (sized_->last == nullptr || !(sized_->last->spec.clip_shape() == shape))
      sized_->last = std::make_shared<const Encoder>(at_size(*encoder_, shape));
    return sized_->last;
  }

 private:
  struct Sized {
    std::mutex mutex;
    std::shared_ptr<const Encoder> last;
  };
  std::shared_ptr<const Encoder> encoder_;
  std::shared_ptr<Sized> sized_;
};

}  // namespace permafrost::python
