internal import CARPACK
internal import NoemaTensor
internal import Synchronization

/// Some eigenvalues of a symmetric matrix with their vectors.
struct Eigenpairs: Sendable {
  /// The eigenvalues.
  var values: [Double]
  /// The eigenvectors, one after the other, in the order of the values.
  var vectors: [Double]
}

/// The largest eigenvalues of a symmetric matrix that is only multiplied with, by ARPACK.
///
/// - Source: Lehoucq, Sorensen and Yang, "ARPACK Users' Guide", 1998: Lanczos with implicit restarts.
struct LanczosSolver {
  /// Residuals are at most this share of their eigenvalues.
  var tolerance = 1e-10
  /// How often the iteration restarts before it gives up.
  var restartLimit = 5000

  // The library keeps the state of its iteration in static variables, so one iteration runs at a time.
  private static let turn = Mutex(())

  /// Finds eigenvalues in ascending order.
  ///
  /// - Parameters:
  ///   - count: how many, fewer than there are rows.
  ///   - start: the first vector, one element a row.
  ///   - multiply: writes the product with its first argument to its second.
  /// - Throws: `ConceptError.algebra` when the iteration does not converge, also not in twice the subspace.
  func largest(
    _ count: Int, start: [Double], multiply: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
  ) throws(ConceptError) -> Eigenpairs {
    let size = start.count
    var width = min(size, max(40, 2 * count + 10))
    while true {
      let attempt = Self.turn.withLock { _ in iterate(count, width, start, multiply) }
      switch attempt {
      case .success(let pairs): return pairs
      case .failure(let failure):
        guard failure.info == 1 || failure.info == 3, width < size, width < 4 * count + 80 else {
          throw ConceptError(
            .algebra(
              "ARPACK found \(failure.converged) of \(count) eigenvalues of a matrix of \(size) rows (info "
                + "\(failure.info)); ask for fewer dimensions, or for the dense solver"))
        }
        width = min(size, 2 * width)
      }
    }
  }

  private struct Failure: Error {
    var info: Int32
    var converged: Int32
  }

  /// One call of the library with a subspace of `width` vectors.
  private func iterate(
    _ count: Int, _ width: Int, _ start: [Double],
    _ multiply: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
  ) -> Result<Eigenpairs, Failure> {
    let (rows, wanted, columns) = (Int32(start.count), Int32(count), Int32(width))
    let length = width * (width + 8)
    var request: Int32 = 0
    // The start vector is ours, so that the result is the same every time.
    var info: Int32 = 1
    var residual = start
    var basis = [Double](repeating: 0, count: start.count * width)
    var work = [Double](repeating: 0, count: 3 * start.count)
    var scratch = [Double](repeating: 0, count: length)
    var places = [Int32](repeating: 0, count: 11)
    var settings = [Int32](repeating: 0, count: 11)
    settings[0] = 1
    settings[2] = Int32(restartLimit)
    settings[3] = 1
    settings[6] = 1
    OpenBLAS.keepToOneThread()
    while true {
      dsaupd_c(
        &request, "I", rows, "LA", wanted, tolerance, &residual, columns, &basis, rows, &settings, &places,
        &work, &scratch, Int32(length), &info)
      guard request == 1 || request == -1 else { break }
      let (from, to) = (Int(places[0]) - 1, Int(places[1]) - 1)
      work.withUnsafeMutableBufferPointer { work in
        multiply(UnsafePointer(work.baseAddress! + from), work.baseAddress! + to)
      }
    }
    guard info == 0 else { return .failure(Failure(info: info, converged: settings[4])) }
    var values = [Double](repeating: 0, count: count)
    var vectors = [Double](repeating: 0, count: start.count * count)
    // The library writes here, whatever its header says.
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: width) { selected in
      selected.initialize(repeating: 0)
      dseupd_c(
        1, "A", selected.baseAddress, &values, &vectors, rows, 0, "I", rows, "LA", wanted, tolerance,
        &residual,
        columns, &basis, rows, &settings, &places, &work, &scratch, Int32(length), &info)
    }
    guard info == 0 else { return .failure(Failure(info: info, converged: settings[4])) }
    return .success(Eigenpairs(values: values, vectors: vectors))
  }
}
