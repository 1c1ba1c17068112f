#pragma once
// Flags: the command line of our programs: --name=value, --name value, --switch, and words that are
// no flags. Each flag is bound to a variable whose value before parsing is its default and stands
// so in --help. Unknown flags, missing and wrong values are errors that name the flag.
//
//   Flags flags("sluice-worker serve", "Answers queries from one index.");
//   flags.text("index", options.index, "FILE", "The index to serve.");
//   const Result<std::vector<std::string>> words = flags.parse(arguments);

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/share.h"
#include "base/time.h"

namespace sluice {

class Flags {
 public:
  Flags(std::string program, std::string summary);

  void text(std::string name, std::string& value, std::string placeholder, std::string doc);
  void integer(std::string name, std::int64_t& value, std::string doc);
  void number(std::string name, double& value, std::string doc);
  void duration(std::string name, Duration& value, std::string doc);  // "30s", "5m"
  void share(std::string name, Share& value, std::string doc);        // "20%"
  // "--name" sets it, "--name=false" clears it.
  void toggle(std::string name, bool& value, std::string doc);
  // May be given several times.
  void list(std::string name,
            std::vector<std::string>& values,
            std::string placeholder,
            std::string doc);

  // The words that are no flags, in order. "--" ends the flags. kInvalid names what is wrong.
  [[nodiscard]] Result<std::vector<std::string>> parse(const std::vector<std::string>& arguments);

  // --help or -h was given; the rest was not looked at.
  [[nodiscard]] bool wants_help() const { return wants_help_; }

  [[nodiscard]] std::string help() const;

 private:
  struct Flag {
    std::string name;
    std::string placeholder;  // Empty for a toggle.
    std::string shown_default;
    std::string doc;
    std::function<Status(std::string_view)> set;
  };

  void add(Flag flag);
  [[nodiscard]] const Flag* find(std::string_view name) const;

  std::string program_;
  std::string summary_;
  std::vector<Flag> flags_;
  bool wants_help_ = false;
};

// argv without the program's name.
[[nodiscard]] std::vector<std::string> arguments_of(int argc, char** argv);

}  // namespace sluice
