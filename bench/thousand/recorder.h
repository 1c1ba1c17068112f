#pragma once
// Recorder: a Transport that passes everything on to another and tells of each write to the API
// server that succeeded. Outlived by the other. Loop thread.

#include <functional>

#include "apiclient/transport.h"
#include "bench/thousand/write.h"

namespace sluice::bench {

class Recorder final : public Transport {
 public:
  Recorder(Transport& inner, std::function<void(Write)> on_write)
      : inner_(inner), on_write_(std::move(on_write)) {}

  TransferId start(HttpRequest request, HttpHandler handler) override;

  void cancel(TransferId transfer) override { inner_.cancel(transfer); }

 private:
  Transport& inner_;
  std::function<void(Write)> on_write_;
};

}  // namespace sluice::bench
