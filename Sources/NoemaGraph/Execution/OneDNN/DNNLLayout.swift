internal import CDNNL
internal import NoemaTensor

/// An arrangement of float32 elements in memory, as oneDNN describes it.
///
/// `@unchecked Sendable`: the handle is read-only after it is made and freed once, in `deinit`.
public final class DNNLLayout: @unchecked Sendable, Hashable {
  let handle: OpaquePointer

  init?(owning handle: OpaquePointer?) {
    guard let handle else { return nil }
    self.handle = handle
  }

  /// Row-major.
  static func plain(_ shape: [Int]) -> DNNLLayout? {
    let dims = (shape.isEmpty ? [1] : shape).map { Int64($0) }
    return DNNLLayout(owning: ndnnl_layout_plain(Int32(dims.count), dims))
  }

  /// Left to the primitive; nil for absurd extents, whose rearrangement oneDNN takes seconds to write code for.
  static func any(_ shape: [Int]) -> DNNLLayout? {
    guard shape.allSatisfy({ $0 <= 1 << 22 }) else { return nil }
    let dims = shape.map { Int64($0) }
    return DNNLLayout(owning: ndnnl_layout_any(Int32(dims.count), dims))
  }

  static func strided(_ shape: [Int], _ strides: [Int]) -> DNNLLayout? {
    DNNLLayout(
      owning: ndnnl_layout_strided(Int32(shape.count), shape.map { Int64($0) }, strides.map { Int64($0) }))
  }

  /// The same memory under other extents, or nil.
  func reshaped(to shape: [Int]) -> DNNLLayout? {
    DNNLLayout(owning: ndnnl_layout_reshaped(handle, Int32(shape.count), shape.map { Int64($0) }))
  }

  /// The same memory with its axes in another order.
  func permuted(_ order: [Int]) -> DNNLLayout? {
    DNNLLayout(owning: ndnnl_layout_permuted(handle, order.map(Int32.init)))
  }

  var byteCount: Int { ndnnl_layout_size(handle) }

  public static func == (a: DNNLLayout, b: DNNLLayout) -> Bool {
    a === b || ndnnl_layout_equal(a.handle, b.handle) != 0
  }
  public func hash(into hasher: inout Hasher) { hasher.combine(byteCount) }

  deinit { ndnnl_layout_free(handle) }
}

extension StoredOperand {
  /// The layout as oneDNN describes it; nil for what oneDNN cannot hold.
  var described: DNNLLayout? {
    if case .chosen(let layout) = layout { return layout }
    return type.element == .float32 ? .plain(type.shape) : nil
  }

  /// A free choice for constants and plain operands, the present layout otherwise.
  var preferred: DNNLLayout? {
    if case .chosen(let layout) = layout { return layout }
    return .any(type.shape)
  }
}

extension Layout {
  /// A layout of a shape, told apart from the row-major one.
  init(_ layout: DNNLLayout, shape: [Int]) {
    if let plain = DNNLLayout.plain(shape), plain == layout { self = .plain } else { self = .chosen(layout) }
  }

  /// Bytes that a value of a type takes in this layout.
  func byteCount(of type: TensorType) -> Int {
    switch self {
    case .plain: type.byteCount
    // oneDNN counts floats.
    case .chosen(let layout): layout.byteCount / 4 * type.element.byteCount
    }
  }
}
