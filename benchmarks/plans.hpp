#pragma once

/// \file
/// Measured plans, and how well the cost model predicts them.

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tconv/engine/planning/plan.hpp>
#include <vector>

namespace plans {

using Eigen::Index;
using tconv::Axis;
using namespace tconv::core;
using namespace tconv::engine;

struct Measurement {
  ConvShape shape;
  Plan plan;  // whose cycles are those measured
};

/// The lines of a file of `fit_machine measure`.
/// \throws std::runtime_error if it cannot be read
inline std::vector<Measurement> read(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<Measurement> all;
  for (std::string line; std::getline(file, line);) {
    std::istringstream numbers(line);
    const auto next = [&] {
      std::string number;
      std::getline(numbers, number, ',');
      return static_cast<Index>(std::stoll(number));
    };
    Measurement m;
    m.shape.direction = static_cast<tconv::Direction>(next());
    for (Index* value :
         {&m.shape.batch, &m.shape.groups, &m.shape.coarse_channels, &m.shape.fine_channels})
      *value = next();
    for (Axis& a : m.shape.axes)
      for (Index* value : {&a.coarse, &a.fine, &a.kernel, &a.stride, &a.dilation, &a.before})
        *value = next();
    Packing& p = m.plan.packing;
    p.lanes = static_cast<tconv::simd::LaneOperand>(next());
    p.vectors = static_cast<int>(next());
    p.copied_axes = static_cast<int>(next());
    p.inner = static_cast<Merge>(next());
    p.outer = static_cast<Merge>(next());
    p.steps = next();
    p.chunk_panels = next();
    for (Index* value :
         {&m.plan.tile.batch, &m.plan.tile.q[0], &m.plan.tile.q[1], &m.plan.tile.q[2]})
      *value = next();
    m.plan.streams = next() != 0;
    m.plan.cycles = static_cast<double>(next());
    all.push_back(m);
  }
  return all;
}

/// Measurements with all that a prediction needs.
class Prediction {
 public:
  Prediction(const Measurement& m, const Resources& resources)
      : c_(make_correlation(m.shape)), plan_(m.plan), resources_(resources) {
    const Packing& packing = plan_.packing;
    for (std::size_t a = 0; a < 3; ++a)
      kinds_[a] =
          SetKinds(c_.axes[a], make_phase_sets(c_.axes[a], a == 2 ? packing.inner : packing.outer));
    image_ = whole_image(c_);
    scratch_ = Footprint(c_, shape(), packing, plan_.tile, resources.lane_count).size();
  }

  double measured() const { return plan_.cycles; }
  double cycles(const Machine& machine) const {
    Resources resources = resources_;
    resources.machine = &machine;
    return CostModel(c_, shape(), plan_.packing, image_, plan_.tile, resources, scratch_).cycles();
  }

 private:
  WeightShape shape() const {
    return {c_, {&kinds_[0], &kinds_[1], &kinds_[2]}, plan_.packing, resources_.lane_count};
  }

  Correlation c_;
  Plan plan_;
  Resources resources_;
  std::array<SetKinds, 3> kinds_;
  Tile image_;
  Index scratch_ = 0;
};

/// The predictions of one shape.
using Shape = std::vector<std::unique_ptr<Prediction>>;

inline std::vector<Shape> shapes_of(const std::vector<Measurement>& all,
                                    const Resources& resources) {
  std::vector<Shape> shapes;
  std::string last;
  for (const Measurement& m : all) {
    std::ostringstream key;
    for (const Index number : m.shape.key(std::array<Index, 1>{0})) key << number << ',';
    if (key.str() != last) shapes.emplace_back();
    last = key.str();
    shapes.back().push_back(std::make_unique<Prediction>(m, resources));
  }
  return shapes;
}

struct Quality {
  double error =
      0;  // of the logarithm of a prediction, in the mean; plans near the best count most
  double regret = 0;  // logarithm of the time of the plan that is predicted to be the best, beside
                      // that of the best one measured, in the mean
};

inline Quality judge(const std::vector<Shape>& shapes, const Machine& machine) {
  Quality result;
  double weights = 0;
  for (const Shape& shape : shapes) {
    double best = 1e300, chosen = 0, least = 1e300;
    for (const auto& plan : shape) {
      best = std::min(best, plan->measured());
      const double cycles = plan->cycles(machine);
      if (cycles < least) {
        least = cycles;
        chosen = plan->measured();
      }
    }
    for (const auto& plan : shape) {
      const double weight = std::pow(best / plan->measured(), 2);
      const double error = std::log(plan->cycles(machine) / plan->measured());
      // A measurement that was disturbed is too large without a limit.
      result.error += weight * std::min(std::abs(error), 1.0);
      weights += weight;
    }
    result.regret += std::log(chosen / best);
  }
  result.error /= weights;
  result.regret /= static_cast<double>(shapes.size());
  return result;
}

}  // namespace plans
