/// Primitive polynomials over the field of two elements: those of which the powers of x run through all
/// remainders but 0.
///
/// - Source: Lidl and Niederreiter, "Finite Fields", 1997, section 3.1.
enum PrimitivePolynomials {
  /// The first primitive polynomials of degree 1 and up, coefficients as bits, the constant lowest; within a
  /// degree in ascending order.
  static func first(_ count: Int) -> [UInt32] {
    var found: [UInt32] = [], degree = 1
    while found.count < count {
      let top = UInt32(1) << degree
      for polynomial in stride(from: top + 1, to: 2 * top, by: 2) where isPrimitive(polynomial, degree) {
        found.append(polynomial)
        if found.count == count { break }
      }
      degree += 1
    }
    return found
  }

  private static func isPrimitive(_ polynomial: UInt32, _ degree: Int) -> Bool {
    let top = UInt32(1) << degree
    var (power, order) = (UInt32(1), 0)
    repeat {
      power <<= 1
      if power & top != 0 { power ^= polynomial }
      order += 1
    } while power != 1 && order < Int(top)
    return order == Int(top) - 1
  }
}
