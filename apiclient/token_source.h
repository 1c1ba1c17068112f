#pragma once
// TokenSource: the bearer token to send now. A token in a file is read again at most every 60 s and
// whenever the server said 401; while the file cannot be read the last good token stays in use.

#include <string>

#include "apiclient/credentials.h"
#include "base/time.h"

namespace sluice {

class TokenSource {
 public:
  explicit TokenSource(TextOrFile source) : source_(std::move(source)) {}

  // Empty when there is none.
  [[nodiscard]] const std::string& token(MonotonicTime now);
  // After a 401. True when trying again may help: the token comes from a file.
  bool refresh(MonotonicTime now);

 private:
  void read(MonotonicTime now);

  TextOrFile source_;
  std::string current_;
  bool was_read_ = false;
  MonotonicTime read_at_;
};

}  // namespace sluice
