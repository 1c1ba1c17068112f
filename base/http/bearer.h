#pragma once
// Bearer: who may use an endpoint that is not for everybody: whoever knows the word in a file. The
// file is read at each check, so that a word that is replaced counts at once. Any thread; blocks
// for the read of a few bytes.

#include <string>

#include "base/http/message.h"

namespace sluice::http {

// "Authorization: Bearer <word>"; or this header with the word, for those whose Authorization does
// not arrive: the API server's proxy to pods takes it off.
inline constexpr std::string_view kTokenHeader = "X-Sluice-Token";

class Bearer {
 public:
  // Everybody may.
  Bearer() = default;
  // Everybody may if there is no such file now. A file that is lost later admits nobody.
  explicit Bearer(std::string path);

  [[nodiscard]] bool admits(const Request& request) const;

  // The word to send to others of the same index; empty without one.
  [[nodiscard]] std::string word() const;

 private:
  std::string path_;
};

// 401 for whoever is not admitted.
[[nodiscard]] Response unauthorized();

}  // namespace sluice::http
