/// An optional whose value lives on the heap: while it is empty it costs a pointer.
///
/// For large members that few of many objects have. Copied and compared by value; owned by whoever
/// holds it, one thread at a time. Never fails, except without memory.
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace parley {

template <class T>
class boxed {
 public:
  boxed() = default;
  boxed(std::nullopt_t) {}
  boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  boxed(std::optional<T> value) {
    if (value) emplace(std::move(*value));
  }
  boxed(const boxed& other) : value_(other ? std::make_unique<T>(*other) : nullptr) {}
  boxed(boxed&&) noexcept = default;
  boxed& operator=(const boxed& other) { return *this = boxed{other}; }
  boxed& operator=(boxed&&) noexcept = default;
  ~boxed() = default;

  template <class... Args>
  T& emplace(Args&&... args) {
    value_ = std::make_unique<T>(T{std::forward<Args>(args)...});
    return *value_;
  }
  void reset() { value_.reset(); }

  explicit operator bool() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  /// Null if there is none.
  const T* get() const { return value_.get(); }
  std::optional<T> copy() const { return value_ ? std::optional<T>{*value_} : std::nullopt; }
  /// The value, which is then no longer here.
  std::optional<T> take() {
    if (!value_) return std::nullopt;
    std::optional<T> taken{std::move(*value_)};
    value_.reset();
    return taken;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace parley
