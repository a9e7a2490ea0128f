internal import NoemaGraph
internal import NoemaTensor

extension RowRunner {
  /// The class outputs of coalitions: present players as in their example, absent ones as in background rows.
  ///
  /// - Parameters:
  ///   - players: the players of each example.
  ///   - background: what stands in for absent players, a row for each that the list names.
  /// - Returns: for each coalition the output on its row, or the mean over all rows where the list names
  ///   none.
  func outputs(
    of list: CoalitionList, players: [Players], values: [Tensor], background: [Tensor], inputs: [Tensor],
    classes: [Int]
  ) throws -> [Double] {
    let repeats = list.rows.isEmpty ? background[0].shape[0] : 1
    var sums = [Double](repeating: 0, count: list.count)
    try forEachBatch(
      rows: list.count * repeats, inputs: inputs,
      row: { index in
        let example = list.examples[index / repeats]
        return Row(example: example, target: classes[example])
      },
      place: { value, rows, target in
        values[value].withElements(as: Float.self) { given in
          background[value].withElements(as: Float.self) { rest in
            list.place(
              rows, repeats: repeats, owners: { players[$0].owners[value] }, given: given, rest: rest,
              into: target)
          }
        }
      }
    ) { rows, readings in
      let output = readings.output.converted(to: .float32), width = output.count / rows.count
      output.withElements(as: Float.self) { scores in
        for row in rows {
          let coalition = row / repeats
          sums[coalition] += Double(
            scores[(row - rows.lowerBound) * width + classes[list.examples[coalition]]])
        }
      }
    }
    if repeats > 1 { for index in sums.indices { sums[index] /= Double(repeats) } }
    return sums
  }
}

extension CoalitionList {
  /// Writes rows: each coalition on one background row after the other.
  fileprivate func place(
    _ range: Range<Int>, repeats: Int, owners: (_ example: Int) -> [Int32],
    given: UnsafeBufferPointer<Float>, rest: UnsafeBufferPointer<Float>,
    into target: UnsafeMutableBufferPointer<Float>
  ) {
    let width = target.count / range.count
    guard width > 0, let given = given.baseAddress, let rest = rest.baseAddress,
      let target = target.baseAddress
    else { return }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: width) { present in
      present.initialize(repeating: 0)
      var row = range.lowerBound
      while row < range.upperBound {
        let coalition = row / repeats, example = examples[coalition]
        mark(coalition, owners: owners(example), into: present)
        let end = min((coalition + 1) * repeats, range.upperBound)
        while row < end {
          let background = rows.isEmpty ? row - coalition * repeats : rows[coalition]
          Self.merge(
            given + example * width, rest + background * width, where: present.baseAddress!, count: width,
            into: target + (row - range.lowerBound) * width)
          row += 1
        }
      }
    }
  }

  /// Takes elements of one row where bits are set and of another elsewhere, by their bits: no branches.
  private static func merge(
    _ given: UnsafePointer<Float>, _ rest: UnsafePointer<Float>, where present: UnsafePointer<UInt32>,
    count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    for i in 0..<count {
      let other = rest[i].bitPattern
      target[i] = Float(bitPattern: other ^ ((other ^ given[i].bitPattern) & present[i]))
    }
  }
}
