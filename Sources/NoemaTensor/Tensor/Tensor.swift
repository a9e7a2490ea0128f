/// Memory of a tensor: 64-byte aligned, written once by the initialiser that makes it, then only read.
///
/// `@unchecked Sendable`: no access after initialisation mutates the bytes, and the memory is released
/// exactly once, in `deinit`.
@usableFromInline
package final class TensorStorage: @unchecked Sendable {
  @usableFromInline package let base: UnsafeMutableRawPointer
  @usableFromInline package let byteCount: Int
  private let owner: AnyObject?

  package init(byteCount: Int) {
    self.byteCount = byteCount
    base = .allocate(byteCount: max(byteCount, 1), alignment: 64)
    owner = nil
  }

  /// Borrows memory that `owner` keeps alive, such as a mapped file.
  package init(borrowing base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    self.base = base
    self.byteCount = byteCount
    self.owner = owner
  }

  deinit { if owner == nil { base.deallocate() } }
}

/// An immutable n-dimensional array in row-major (C) order.
///
/// Copies share their memory. The elements are of one `ElementType`; `withElements(as:)` gives typed access.
public struct Tensor: Sendable {
  /// The extent of each axis; empty for a scalar.
  public let shape: [Int]
  /// The type of the elements.
  public let elementType: ElementType
  @usableFromInline let storage: TensorStorage

  /// The number of elements: the product of the shape.
  @inlinable public var count: Int { shape.reduce(1, *) }
  /// The number of axes.
  @inlinable public var rank: Int { shape.count }
  /// The size of the elements in bytes.
  public var byteCount: Int { count * elementType.byteCount }

  /// Makes a tensor whose bytes are filled by `body`; the memory is not zeroed before.
  ///
  /// - Throws: `TensorError` when the shape is negative or overflows, and whatever `body` throws.
  public init(
    shape: [Int], elementType: ElementType, filling body: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    let byteCount = try Tensor.byteCount(shape: shape, elementType: elementType)
    storage = TensorStorage(byteCount: byteCount)
    self.shape = shape
    self.elementType = elementType
    try body(UnsafeMutableRawBufferPointer(start: storage.base, count: byteCount))
  }

  /// Makes a tensor of the given elements in row-major order.
  ///
  /// - Precondition: `elements.count` is the product of `shape`.
  public init<Element: TensorElement>(shape: [Int], _ elements: [Element]) {
    precondition(
      elements.count == shape.reduce(1, *), "\(elements.count) elements do not fill shape \(shape)")
    self.shape = shape
    elementType = Element.elementType
    storage = TensorStorage(byteCount: elements.count * MemoryLayout<Element>.stride)
    elements.withUnsafeBytes { source in
      if let start = source.baseAddress { storage.base.copyMemory(from: start, byteCount: source.count) }
    }
  }

  /// Makes a tensor of one element repeated.
  public init<Element: TensorElement>(shape: [Int], repeating element: Element) {
    self.init(shape: shape, [Element](repeating: element, count: shape.reduce(1, *)))
  }

  /// Makes a scalar.
  public init<Element: TensorElement>(_ scalar: Element) { self.init(shape: [], [scalar]) }

  /// Makes a tensor over memory that `owner` keeps alive and nobody writes to (a mapped file).
  package init(shape: [Int], elementType: ElementType, borrowing base: UnsafeRawPointer, owner: AnyObject) {
    self.shape = shape
    self.elementType = elementType
    storage = TensorStorage(
      borrowing: UnsafeMutableRawPointer(mutating: base),
      byteCount: shape.reduce(1, *) * elementType.byteCount, owner: owner)
  }

  private init(shape: [Int], elementType: ElementType, storage: TensorStorage) {
    self.shape = shape
    self.elementType = elementType
    self.storage = storage
  }

  /// The checked byte count of a shape.
  ///
  /// - Throws: `TensorError.tooLarge` for a negative dimension or more than 2^46 bytes; also when an axis of 0
  ///   leaves none of them, because strides and the parts of a shape are products too.
  public static func byteCount(shape: [Int], elementType: ElementType) throws(TensorError) -> Int {
    var total = elementType.byteCount
    for extent in shape {
      let (product, overflow) = total.multipliedReportingOverflow(by: max(extent, 1))
      guard extent >= 0, !overflow, product <= 1 << 46 else { throw TensorError(.tooLarge(shape: shape)) }
      total = product
    }
    return shape.contains(0) ? 0 : total
  }

  /// Calls `body` with the raw bytes.
  @inlinable
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeRawBufferPointer(start: storage.base, count: storage.byteCount))
  }

  /// Calls `body` with the elements in row-major order.
  ///
  /// - Precondition: `Element` is the tensor's element type.
  @inlinable
  public func withElements<Element: TensorElement, Result>(
    as type: Element.Type = Element.self, _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    precondition(
      Element.elementType == elementType, "tensor holds \(elementType), not \(Element.elementType)")
    defer { withExtendedLifetime(storage) {} }
    let start = UnsafeRawPointer(storage.base).assumingMemoryBound(to: Element.self)
    return try body(UnsafeBufferPointer(start: start, count: count))
  }

  /// The elements as an array, in row-major order.
  ///
  /// - Precondition: `Element` is the tensor's element type.
  public func elements<Element: TensorElement>(as type: Element.Type = Element.self) -> [Element] {
    withElements(as: type) { Array($0) }
  }

  /// The same elements under another shape.
  ///
  /// - Precondition: both shapes hold the same number of elements.
  public func reshaped(to shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "cannot reshape \(self.shape) to \(shape)")
    return Tensor(shape: shape, elementType: elementType, storage: storage)
  }

  /// Rows `range` along the first axis; shares no memory.
  public func rows(_ range: Range<Int>) -> Tensor {
    let rowBytes = shape.dropFirst().reduce(1, *) * elementType.byteCount
    let part = TensorStorage(byteCount: range.count * rowBytes)
    part.base.copyMemory(from: storage.base + range.lowerBound * rowBytes, byteCount: range.count * rowBytes)
    return Tensor(shape: [range.count] + shape.dropFirst(), elementType: elementType, storage: part)
  }

  /// Tensors of one element type, and of one shape but for the first axis, below each other.
  ///
  /// - Precondition: there is at least one.
  /// - Throws: `TensorError.tooLarge`.
  public static func stacked(_ parts: [Tensor]) throws(TensorError) -> Tensor {
    if parts.count == 1 { return parts[0] }
    let shape = [parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst()
    precondition(
      parts.allSatisfy {
        $0.shape.dropFirst() == shape.dropFirst() && $0.elementType == parts[0].elementType
      },
      "cannot stack \(parts.map(\.shape))")
    let storage = TensorStorage(byteCount: try byteCount(shape: shape, elementType: parts[0].elementType))
    var offset = 0
    for part in parts {
      storage.base.advanced(by: offset).copyMemory(from: part.storage.base, byteCount: part.storage.byteCount)
      offset += part.storage.byteCount
    }
    return Tensor(shape: shape, elementType: parts[0].elementType, storage: storage)
  }

  /// The elements converted to another type: floats to integers truncate towards zero and saturate,
  /// anything to bool compares with zero.
  public func converted(to type: ElementType) -> Tensor {
    if type == elementType { return self }
    switch type {
    case .float32: return Tensor(shape: shape, numbers { Float($0) })
    case .float64: return Tensor(shape: shape, numbers { $0 })
    case .bool: return Tensor(shape: shape, numbers { $0 != 0 })
    case .int64: return Tensor(shape: shape, integers(Int64.self))
    case .int32: return Tensor(shape: shape, integers(Int32.self))
    case .int16: return Tensor(shape: shape, integers(Int16.self))
    case .int8: return Tensor(shape: shape, integers(Int8.self))
    case .uint8: return Tensor(shape: shape, integers(UInt8.self))
    case .uint16: return Tensor(shape: shape, integers(UInt16.self))
    }
  }

  private func numbers<Element>(_ convert: (Double) -> Element) -> [Element] {
    switch elementType {
    case .float32: withElements(as: Float.self) { $0.map { convert(Double($0)) } }
    case .float64: withElements(as: Double.self) { $0.map(convert) }
    case .int64: withElements(as: Int64.self) { $0.map { convert(Double($0)) } }
    case .int32: withElements(as: Int32.self) { $0.map { convert(Double($0)) } }
    case .int16: withElements(as: Int16.self) { $0.map { convert(Double($0)) } }
    case .int8: withElements(as: Int8.self) { $0.map { convert(Double($0)) } }
    case .uint8: withElements(as: UInt8.self) { $0.map { convert(Double($0)) } }
    case .uint16: withElements(as: UInt16.self) { $0.map { convert(Double($0)) } }
    case .bool: withElements(as: Bool.self) { $0.map { convert($0 ? 1 : 0) } }
    }
  }

  private func integers<Element: FixedWidthInteger>(_ type: Element.Type) -> [Element] {
    if elementType == .int64 {
      return withElements(as: Int64.self) { $0.map { Element(clamping: $0) } }
    }
    return numbers { number in
      if number.isNaN { return 0 }
      if let exact = Element(exactly: number.rounded(.towardZero)) { return exact }
      return number < 0 ? Element.min : Element.max
    }
  }

  /// The first element that is NaN or infinite, as an offset in row-major order.
  public func firstNonFinite() -> Int? {
    switch elementType {
    case .float32:
      withElements(as: Float.self) { floats in
        // The bits of what is not finite exceed those of all that is; the greatest is found several at a time.
        let greatest = floats.reduce(into: UInt32(0)) { $0 = max($0, $1.bitPattern & 0x7FFF_FFFF) }
        return greatest < Float.infinity.bitPattern ? nil : floats.firstIndex { !$0.isFinite }
      }
    case .float64:
      withElements(as: Double.self) { $0.firstIndex { !$0.isFinite } }
    default: nil
    }
  }
}

extension Tensor: Equatable {
  /// Whether shape, type and every byte are equal (NaNs compare by their bits).
  public static func == (left: Tensor, right: Tensor) -> Bool {
    left.shape == right.shape && left.elementType == right.elementType
      && left.withBytes { a in right.withBytes { b in a.elementsEqual(b) } }
  }
}

extension Tensor: CustomStringConvertible {
  public var description: String { "\(elementType)\(shape)" }
}
