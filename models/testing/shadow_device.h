// SPDX-License-Identifier: Apache-2.0
#pragma once

// A device that is none: its memory is ordinary memory and its operations are the CPU's, but like a
// GPU it takes no tensor of the host beside its own. What runs on it puts every tensor where it
// belongs, and may be held against the CPU number by number, on machines without a GPU. Tests only:
// a program any file of which includes this has the device from its start.
//
//   const at::Device device = shadow_device();
#include <ATen/ATen.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstring>

namespace permafrost {

inline at::Device shadow_device() { return {c10::DeviceType::PrivateUse1, 0}; }

namespace shadow {

struct Memory final : c10::DeviceAllocator {
  // What it says it has: tests set them. Negative: it does not tell.
  double free = -1;
  std::int64_t held = 0;  // beside what is free, by the allocator for itself

  bool initialized() override { return free >= 0; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.reserved_bytes[0].increase(static_cast<std::size_t>(held));
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override {}
  std::pair<std::size_t, std::size_t> getMemoryInfo(c10::DeviceIndex) override {
    return {static_cast<std::size_t>(free), static_cast<std::size_t>(free)};
  }
  at::DataPtr allocate(std::size_t bytes) override {
    at::DataPtr host = c10::GetCPUAllocator()->allocate(bytes);
    void* const data = host.get();
    void* const context = host.release_context();
    return {data, context, c10::GetCPUAllocator()->raw_deleter(), shadow_device()};
  }
  c10::DeleterFnPtr raw_deleter() const override { return c10::GetCPUAllocator()->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

inline Memory& memory() {
  static Memory memory;
  return memory;
}

// One device, one stream, and everything is over when it returns.
struct Guard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::PrivateUse1> {
  c10::Device exchangeDevice(c10::Device) const override { return shadow_device(); }
  c10::Device getDevice() const override { return shadow_device(); }
  c10::Stream getStream(c10::Device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, shadow_device());
  }
  c10::Stream exchangeStream(c10::Stream) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, shadow_device());
  }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override {
    return c10::Stream(c10::Stream::DEFAULT, shadow_device());
  }
  void* getStreamNativeHandle(const c10::Stream) const override { return nullptr; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex,
              const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  at::Allocator* getPinnedMemoryAllocator() const override { return c10::GetCPUAllocator(); }
};

// The same bytes seen as the CPU's.
inline at::Tensor on_host(const at::Tensor& x) {
  if (!x.is_privateuseone()) return x;
  return at::from_blob(x.storage().mutable_data(),
                       {static_cast<std::int64_t>(x.storage().nbytes())}, at::kByte)
      .view(x.scalar_type())
      .as_strided(x.sizes(), x.strides(), x.storage_offset());
}

inline at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides,
                                std::optional<at::ScalarType> type, std::optional<at::Layout>,
                                std::optional<at::Device>, std::optional<bool>) {
  std::int64_t last = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) last += (sizes[i] - 1) * strides[i];
  for (const auto size : sizes)
    if (size == 0) last = 0;
  const auto meta = c10::scalarTypeToTypeMeta(type.value_or(at::kFloat));
  c10::Storage storage(c10::Storage::use_byte_size_t(),
                       static_cast<std::size_t>(last) * meta.itemsize(), &memory(), true);
  at::Tensor x = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), meta);
  x.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return x;
}

inline at::Tensor empty(at::IntArrayRef sizes, std::optional<at::ScalarType> type,
                        std::optional<at::Layout> layout, std::optional<at::Device> device,
                        std::optional<bool> pinned, std::optional<at::MemoryFormat> format) {
  const at::Tensor like = at::empty(sizes, at::TensorOptions(at::kMeta).dtype(at::kByte), format);
  return empty_strided(sizes, like.strides(), type, layout, device, pinned);
}

inline at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  on_host(to).copy_(on_host(from));
  return to;
}

inline const at::Tensor& resized(const at::Tensor& x, at::IntArrayRef sizes,
                                 std::optional<at::MemoryFormat>) {
  x.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  const auto bytes = static_cast<std::size_t>(x.storage_offset() + x.numel()) * x.itemsize();
  if (bytes <= x.storage().nbytes()) return x;
  const at::DataPtr before = x.storage().set_data_ptr(memory().allocate(bytes));
  if (x.storage().nbytes() > 0)  // else it was nowhere
    std::memcpy(x.storage().mutable_data(), before.get(), x.storage().nbytes());
  x.storage().set_nbytes(bytes);
  return x;
}

inline at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  return copy_from(from, resized(to, from.sizes(), std::nullopt), false);
}

// Every operation: of no tensor of the host but a number.
inline void run(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto check = [&](const at::Tensor& x) {
    TORCH_CHECK(!x.defined() || x.is_privateuseone() || x.dim() == 0, op.schema().name(),
                ": a tensor ", x.sizes(), " of the host among those of the device");
  };
  const std::size_t count = op.schema().arguments().size();
  for (std::size_t i = stack->size() - count; i < stack->size(); ++i) {
    const c10::IValue& value = (*stack)[i];
    if (value.isTensor()) check(value.toTensor());
    if (value.isTensorList())
      for (const at::Tensor& x : value.toTensorVector()) check(x);
    if (value.isOptionalTensorList())
      for (const std::optional<at::Tensor>& x : value.toOptionalTensorList())
        if (x) check(*x);
  }
  at::native::cpu_fallback(op, stack, /*error_on_views=*/true);
}

inline const bool prepared = [] {
  c10::register_privateuse1_backend("shadow");
  c10::SetAllocator(c10::DeviceType::PrivateUse1, &memory());
  at::RegisterPrivateUse1HooksInterface(new Hooks);  // for as long as the program lives
  return true;
}();

// What LibTorch's macros for this do, but once a program, however many of its files include this.
inline const c10::impl::DeviceGuardImplRegistrar guard(c10::DeviceType::PrivateUse1, new Guard);

inline torch::Library operations_of(const char* library) {
  return {torch::Library::IMPL, library, c10::DispatchKey::PrivateUse1, __FILE__, __LINE__};
}

inline const torch::Library operations = [] {
  torch::Library m = operations_of("aten");
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("resize_", resized);
  m.impl("as_strided", at::native::as_strided_tensorimpl);
  m.impl("_reshape_alias", at::native::_reshape_alias);
  m.impl("unfold", at::native::unfold);
  m.impl("view", at::native::view);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  return m;
}();

inline const torch::Library all_others = [] {
  torch::Library m = operations_of("_");
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&run>());
  return m;
}();

}  // namespace shadow
}  // namespace permafrost
