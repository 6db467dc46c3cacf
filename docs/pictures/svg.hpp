#pragma once

/// \file
/// Pictures as SVG: rectangles, lines and text.

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>

/// A position or a size in pixels.
struct Point {
  double x, y;
};

/// What a shape looks like.
struct Look {
  std::string fill = "none";
  std::string stroke = "#555555";
  double width = 1;
  bool dashed = false;
};

/// What a text looks like.
struct Font {
  double size = 14;
  std::string colour = "#222222";
  std::string anchor = "middle";  ///< the part of the text that lies at its position
  bool bold = false;
};

class Svg {
 public:
  explicit Svg(Point size) : size_(size) {
    rectangle({0, 0}, size, {.fill = "#ffffff", .width = 0});
  }

  void rectangle(Point at, Point size, const Look& look) {
    body_ += "<rect x=\"" + number(at.x) + "\" y=\"" + number(at.y) + "\" width=\"" +
             number(size.x) + "\" height=\"" + number(size.y) + "\"" + text_of(look) + "/>\n";
  }

  void line(Point from, Point to, const Look& look = {}) {
    body_ += "<line x1=\"" + number(from.x) + "\" y1=\"" + number(from.y) + "\" x2=\"" +
             number(to.x) + "\" y2=\"" + number(to.y) + "\"" + text_of(look) + "/>\n";
  }

  /// `at` is the middle of the text's height.
  void text(Point at, const std::string& text, const Font& font = {}) {
    body_ += "<text x=\"" + number(at.x) + "\" y=\"" + number(at.y + 0.35 * font.size) +
             "\" font-size=\"" + number(font.size) + "\" fill=\"" + font.colour +
             "\" text-anchor=\"" + font.anchor + "\"" + (font.bold ? " font-weight=\"bold\"" : "") +
             ">" + text + "</text>\n";
  }

  /// \throws std::runtime_error if the file cannot be written
  void write(const std::string& path) const {
    std::ofstream file(path, std::ios::binary);
    file << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << number(size_.x)
         << "\" height=\"" << number(size_.y) << "\" viewBox=\"0 0 " << number(size_.x) << ' '
         << number(size_.y) << "\" font-family=\"Helvetica, Arial, sans-serif\">\n"
         << body_ << "</svg>\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
  }

 private:
  static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
  }

  static std::string text_of(const Look& look) {
    if (look.width == 0) return " fill=\"" + look.fill + "\"";
    return " fill=\"" + look.fill + "\" stroke=\"" + look.stroke + "\" stroke-width=\"" +
           number(look.width) + "\"" + (look.dashed ? " stroke-dasharray=\"4 3\"" : "");
  }

  Point size_;
  std::string body_;
};
