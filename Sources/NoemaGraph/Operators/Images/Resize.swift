internal import Foundation
internal import NoemaTensor

/// Resampling along any axes: a gather of nearest elements or a linear map, one axis after the other.
///
/// - Source: ONNX Resize-10 to -19, Upsample-7 and -9.
enum Resize {
  static let onnx: [ONNXBinding] = [
    ONNXBinding("Resize", opset: 10...ONNXBinding.newestOpset) { node in [try resize(node)] },
    ONNXBinding("Upsample", opset: 7...9) { node in [try resize(node)] },
  ]

  /// How one axis is resampled.
  private struct AxisPlan {
    var axis: Int
    var extent: Int
    var result: Int
    /// Result elements per element, not rounded to whole results.
    var scale: Double
    var region = 0.0...1.0
  }

  private static func resize(_ node: NodeReader) throws -> Value {
    // Before opset 11 coordinates are only scaled, and the nearest element is the one before.
    let isOld = node.opset < 11
    let plans = try plans(node, isOld)
    let transform = node.string(
      "coordinate_transformation_mode", default: isOld ? "asymmetric" : "half_pixel")
    let mode = node.string("mode", default: "nearest")
    let type = try node.type(0).element
    var x = try node.operand(0), isInside: Value?
    if mode != "nearest" && !type.isFloat { x = try node.emit(Cast(to: .float64), x) }
    for plan in plans {
      let places = try (0..<plan.result).map { try place($0, plan, transform, node) }
      if mode == "nearest" {
        let rounding = node.string("nearest_mode", default: isOld ? "floor" : "round_prefer_floor")
        let indices = try places.map { Int64(min(max(try rounded($0, rounding, node), 0), plan.extent - 1)) }
        if plan.extent != plan.result || indices != (0..<plan.extent).map(Int64.init) {
          x = try node.emit(
            Gather(axis: plan.axis), x, node.constant(Tensor(shape: [indices.count], indices)))
        }
      } else {
        let map = try Kernel(node, mode, plan.scale).map(places, along: plan.axis, plan.extent)
        if !(plan.extent == plan.result && map.sources == Array(0..<plan.extent)) {
          x = try node.emit(map, x)
        }
      }
      if transform == "tf_crop_and_resize" {
        let holds = places.map { (0...Double(plan.extent - 1)).contains($0) }
        var line = try node.type(0).shape.map { _ in 1 }
        line[plan.axis] = plan.result
        let mask = node.constant(Tensor(shape: line, holds))
        isInside = try isInside.map { try node.emit(Comparison(function: .and), $0, mask) } ?? mask
      }
    }
    if let isInside {
      let fill = node.scalar(node.float("extrapolation_value", default: 0), like: x)
      x = try node.emit(Select(), isInside, x, fill)
    }
    return node.graph.type(of: x).element == type ? x : try node.emit(Cast(to: type), x)
  }

  // MARK: Extents

  private static func plans(_ node: NodeReader, _ isOld: Bool) throws -> [AxisPlan] {
    let shape = try node.type(0).shape
    let axes = try node.ints("axes")?.map { try Shapes.axis($0, rank: shape.count) } ?? Array(shape.indices)
    guard Set(axes).count == axes.count else { throw node.error("axes \(axes) repeat") }
    func numbers(_ index: Int) throws -> [Double]? {
      let tensor = try node.optionalConstant(index)?.converted(to: .float64)
      return tensor.flatMap { $0.count == 0 ? nil : $0.elements(as: Double.self) }
    }
    let scales = try node.floats("scales") ?? numbers(isOld ? 1 : 2)
    let sizes = isOld ? nil : try numbers(3)
    let isCropping = node.string("coordinate_transformation_mode", default: "") == "tf_crop_and_resize"
    let regions = isCropping ? try numbers(1) : nil
    guard let given = sizes ?? scales, given.count == axes.count,
      given.allSatisfy({ $0.isFinite && $0 >= 0 }),
      sizes != nil || given.allSatisfy({ $0 > 0 }), regions.map({ $0.count == 2 * axes.count }) ?? true
    else { throw node.error("scales, sizes or regions are missing, negative, or not one an axis") }
    var plans: [AxisPlan] = []
    for (index, axis) in axes.enumerated() {
      let extent = shape[axis]
      guard extent > 0 else { throw node.error("axis \(axis) of \(shape) is empty") }
      guard extent <= 1 << 24 else { throw node.error("an axis of \(extent) elements is absurdly large") }
      var plan = AxisPlan(axis: axis, extent: extent, result: 0, scale: given[index])
      if let regions {
        let (start, end) = (regions[index], regions[axes.count + index])
        guard start.isFinite, end.isFinite, start <= end else {
          throw node.error("a region ends before it begins")
        }
        plan.region = start...end
      }
      if sizes != nil { plan.scale /= Double(extent) }
      plans.append(plan)
    }
    let policy = node.string("keep_aspect_ratio_policy", default: "stretch")
    if sizes != nil, policy != "stretch" {
      guard policy == "not_larger" || policy == "not_smaller" else {
        throw node.error("keep_aspect_ratio_policy '\(policy)' does not exist")
      }
      let all = plans.map(\.scale)
      let scale = policy == "not_larger" ? all.min() ?? 1 : all.max() ?? 1
      for index in plans.indices { plans[index].scale = scale }
    }
    for index in plans.indices {
      let plan = plans[index], length = plan.region.upperBound - plan.region.lowerBound
      let exact =
        sizes == nil
        ? (plan.scale * Double(plan.extent) * length).rounded(.down)
        : policy == "stretch" ? given[index] : (plan.scale * Double(plan.extent) + 0.5).rounded(.down)
      guard exact < 0x1p22 else { throw node.error("an axis of \(exact) elements is absurdly large") }
      plans[index].result = Int(exact)
    }
    return plans
  }

  // MARK: Coordinates

  /// Where a result's element lies on the axis before.
  private static func place(
    _ index: Int, _ plan: AxisPlan, _ transform: String, _ node: NodeReader
  ) throws -> Double {
    let x = Double(index), last = Double(plan.extent - 1), width = plan.scale * Double(plan.extent)
    let centred = (x + 0.5) / plan.scale - 0.5
    switch transform {
    case "half_pixel": return centred
    case "pytorch_half_pixel": return plan.result > 1 ? centred : 0
    case "half_pixel_symmetric":
      return centred + Double(plan.extent) / 2 * (1 - Double(plan.result) / width)
    case "asymmetric": return x / plan.scale
    case "tf_half_pixel_for_nn": return (x + 0.5) / plan.scale
    case "align_corners":
      // By the extent before it was rounded, as the specification's examples have it.
      return width <= 1 ? 0 : x * last / (width - 1)
    case "tf_crop_and_resize":
      let (start, end) = (plan.region.lowerBound, plan.region.upperBound)
      return plan.result > 1
        ? (start + x * (end - start) / Double(plan.result - 1)) * last : (start + end) / 2 * last
    default: throw node.error("coordinate_transformation_mode '\(transform)' does not exist")
    }
  }

  private static func rounded(_ place: Double, _ rounding: String, _ node: NodeReader) throws -> Int {
    let near = min(max(place, -0x1p30), 0x1p30)
    switch rounding {
    case "round_prefer_floor": return Int((near - 0.5).rounded(.up))
    case "round_prefer_ceil": return Int((near + 0.5).rounded(.down))
    case "floor": return Int(near.rounded(.down))
    case "ceil": return Int(near.rounded(.up))
    default: throw node.error("nearest_mode '\(rounding)' does not exist")
    }
  }

  // MARK: Weights

  /// The interpolating function, stretched when an axis shrinks and antialiasing is on.
  private struct Kernel {
    let isCubic: Bool
    let coefficient: Double
    let stretch: Double
    let excludesOutside: Bool
    let isAntialiased: Bool
    let node: NodeReader

    init(_ node: NodeReader, _ mode: String, _ scale: Double) throws {
      // Older files call it bilinear.
      guard ["linear", "bilinear", "cubic"].contains(mode) else {
        throw node.error("mode '\(mode)' does not exist")
      }
      self.node = node
      isCubic = mode == "cubic"
      coefficient = node.float("cubic_coeff_a", default: -0.75)
      excludesOutside = node.int("exclude_outside", default: 0) != 0
      isAntialiased = node.int("antialias", default: 0) != 0
      stretch = isAntialiased ? max(1, 1 / scale) : 1
    }

    private func value(_ distance: Double) -> Double {
      let x = distance.magnitude, a = coefficient
      guard isCubic else { return max(0, 1 - x) }
      if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    }

    /// The sum for each place; what lies outside counts as the element at the border, unless it is excluded.
    func map(_ places: [Double], along axis: Int, _ extent: Int) throws -> AxisMap {
      let reach = (isCubic ? 2 : 1) * stretch
      guard reach.isFinite, 2 * (reach + 1) * Double(places.count) < 0x1p24 else {
        throw node.error("a filter of \(reach) elements for \(places.count) results is absurdly large")
      }
      var map = AxisMap(axis: axis, extent: extent)
      var terms: [(source: Int, weight: Double)] = []
      for place in places {
        let centre = min(max(place, -0x1p30), 0x1p30)
        var total = 0.0
        terms.removeAll(keepingCapacity: true)
        for at in Int((centre - reach).rounded(.up))...Int((centre + reach).rounded(.down)) {
          let weight = value((Double(at) - centre) / stretch), isOutside = at < 0 || at >= extent
          if weight == 0 || (excludesOutside && isOutside) { continue }
          let source = min(max(at, 0), extent - 1)
          // Sources only rise, so what falls together at a border is adjacent.
          if terms.last?.source == source {
            terms[terms.count - 1].weight += weight
          } else {
            terms.append((source, weight))
          }
          total += weight
        }
        let divisor = (isAntialiased || excludesOutside) && total != 0 ? total : 1
        map.appendResult(terms.lazy.map { ($0.source, $0.weight / divisor) })
      }
      return map
    }
  }
}
