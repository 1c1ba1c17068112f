#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

namespace sluice::tidy {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::vector<Include> includes_of(const std::vector<std::string>& lines) {
  constexpr std::string_view kDirective = "#include ";
  std::vector<Include> includes;
  for (const std::string& line : lines) {
    if (!line.starts_with(kDirective) || line.size() <= kDirective.size() + 1) {
      continue;
    }
    const bool quoted = line[kDirective.size()] == '"';
    const std::size_t begin = kDirective.size() + 1;
    const std::size_t end = line.find(quoted ? '"' : '>', begin);
    if (end != std::string::npos) {
      includes.push_back({line.substr(begin, end - begin), quoted});
    }
  }
  return includes;
}

bool is_of_a_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Walks over the text of a file and says of each character whether it is code.
class Blanker {
 public:
  std::string blank(const std::string& line) {
    std::string code = line;
    for (std::size_t at = 0; at < line.size();) {
      const std::size_t length = token_at(line, at);
      if (!is_code_) {
        std::fill_n(code.begin() + static_cast<std::ptrdiff_t>(at), length, ' ');
      }
      at += length;
    }
    return code;
  }

 private:
  // The length of what starts here; sets is_code_.
  std::size_t token_at(const std::string& line, std::size_t at) {
    is_code_ = false;
    if (!raw_end_.empty() || in_comment_) {
      const std::string end = in_comment_ ? "*/" : raw_end_;
      const std::size_t found = line.find(end, at);
      if (found == std::string::npos) {
        return line.size() - at;
      }
      in_comment_ = false;
      raw_end_.clear();
      return found + end.size() - at;
    }
    if (line.compare(at, 2, "//") == 0) {
      return line.size() - at;
    }
    if (line.compare(at, 2, "/*") == 0) {
      in_comment_ = true;
      return 2;
    }
    if (line.compare(at, 2, "R\"") == 0 && line.find('(', at) != std::string::npos) {
      const std::size_t open = line.find('(', at);
      raw_end_ = ")" + line.substr(at + 2, open - at - 2) + "\"";
      return open + 1 - at;
    }
    // An apostrophe behind a digit or letter separates digits (1'000).
    const bool is_character = line[at] == '\'' && (at == 0 || !is_of_a_word(line[at - 1]));
    if (line[at] == '"' || is_character) {
      return literal_at(line, at);
    }
    is_code_ = true;
    return 1;
  }

  static std::size_t literal_at(const std::string& line, std::size_t at) {
    for (std::size_t next = at + 1; next < line.size(); ++next) {
      if (line[next] == '\\') {
        ++next;
      } else if (line[next] == line[at]) {
        return next + 1 - at;
      }
    }
    return line.size() - at;
  }

  bool in_comment_ = false;
  bool is_code_ = false;
  std::string raw_end_;  // Ends the raw string that is open, if any.
};

SourceFile read_source(const std::filesystem::path& root, const std::filesystem::path& path) {
  SourceFile file;
  file.path = path.lexically_relative(root).generic_string();
  file.folder = path.parent_path().lexically_relative(root).generic_string();
  file.lines = lines_of(read_text(path));
  file.code = without_comments_and_literals(file.lines);
  file.includes = includes_of(file.lines);
  return file;
}

}  // namespace

std::string read_text(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::string> without_comments_and_literals(const std::vector<std::string>& lines) {
  Blanker blanker;
  std::vector<std::string> code;
  for (const std::string& line : lines) {
    code.push_back(line.starts_with("#include") ? line : blanker.blank(line));
  }
  return code;
}

bool has_word(std::string_view line, std::string_view word) {
  for (std::size_t at = line.find(word); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool starts = at == 0 || !is_of_a_word(line[at - 1]) || !is_of_a_word(word.front());
    const bool ends = end == line.size() || !is_of_a_word(line[end]) || !is_of_a_word(word.back());
    if (starts && ends) {
      return true;
    }
  }
  return false;
}

std::vector<SourceFile> read_sources(const std::filesystem::path& root) {
  std::vector<SourceFile> files;
  auto entry = std::filesystem::recursive_directory_iterator(root);
  for (; entry != std::filesystem::recursive_directory_iterator(); ++entry) {
    const std::string name = entry->path().filename().string();
    const bool is_top = entry.depth() == 0;
    if (entry->is_directory() && (name.starts_with(".") || (is_top && name.starts_with("build")))) {
      entry.disable_recursion_pending();
    } else if (name.ends_with(".h") || name.ends_with(".cc")) {
      files.push_back(read_source(root, entry->path()));
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

}  // namespace sluice::tidy
