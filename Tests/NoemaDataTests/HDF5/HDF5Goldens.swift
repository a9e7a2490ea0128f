internal import Foundation

@testable internal import NoemaData

/// Files written by h5py 3.16 with HDF5 2.0.0, as base64 of gzip.
///
/// Data sets `f2`, `f8`, `i2` (big-endian), `u4` and `u8` hold `[[0, 1, 2], [3, 100, 5]]`; `packed` holds 0 to 999 as
/// `[10, 100]` in chunks through shuffle and gzip. `flag` holds truth values, `scalar` 2.5, `large` 2⁶³.
/// `00000003/embedding/spectral` has attributes of numbers and texts. The others are what is refused: `words`, `pair`,
/// `nothing`, `lzf`, the links `soft` and `external`, `outside` and `virtual`, whose elements lie in other files, and
/// `unwritten`, `sparse` and `wide`, which declare 2³⁰ elements or more without storing one.
enum HDF5Goldens {
  /// The oldest format that the library writes: what h5py does when it is not told otherwise.
  static let early =
    "H4sIAAAAAAACA+1cf1AU1x3/vr1DlgPlQMTLj05oMklQg174keBoynnl8KJGfhxGO06Bgzvg5IDjfsg1bQrJTDtoa0NMS5xm"
    + "WjPTmWqbWjRpYyczjaT9o7ZpYsQo6XQ6/ojGJGo4pK2Tmab07e57e7sLt5gE60Hehznevh/73u73fd7b9777/e4OZ3nFfNOt"
    + "JhDA82AEMygxQeDfpI7T/AYSIhL2kXA/R9ONYp6FpJtJ/Q02KZ5HTqytcTgADHL92nasRimU61kshVUkbimTQicwzEU4HWvE"
    + "rj6o4VlDLuUZUvEsi/Bs6G4pfuZe/XJb8qV4dKm6XQQpErcRjUsFESclEJpj5sKUcQNuSSiZ9eVMkmcGUwqYMkl+CvBiPsdJ"
    + "FfLkygwIH4rI0EgielP7wbWxslyQSSuJH+XU418rb3ITkGfQr5fOOtEU/XJWWl+2fjnav33zkpPPM8erMiJjGxSnQ/GEYTpe"
    + "ZfBqSSYHrz6/PMziqeY0kMeZvhxWJxhfvUnBjwzyJENgghx81d72Rq/H4+toIfm3ICTeoVkWGa8ah0Ksf7l6bE6N1Zg5dnjU"
    + "5pBTymJAGEVCIinb10iYo+g2DoveAym0HY70iUeUvbJ/p+43jzwPxudnEUbaeq8bGptIoi1a19TgaWx2e5sunjl/7r2zF95d"
    + "bM7Jzs1atPDZ/h/uHnj6R89srqqtebR6k2vkrbeHTx0/eeJBa3HhA/eXFB0++JsXXz7025e6A+Hg9q5I6Frsn1f/Pfav8Uw+"
    + "w7QgbX76U33f3/mDHbu+V+ncsG7jw4+sP3b0r395889vvL4i/76ly5cULBvc/6tf/voXB17obPVv6/C1t42+f/nDjz64cmmv"
    + "tWv4/BLXvkf23h86dXll6OIb9QcDx8/dvf7ZgvpDwZMflrSNHDh9sOvEewVbD7efPhQa+eihb167UhaIvXX2rrVPfams6+rb"
    + "HxS1HPvJkcDY8IVlmwe/fqRr/NSVVd2j/+iJxY6/e2/l3od6xq6evPRg5+nfT8TGTlxcUX/k8Ymx8ZHRsp6JT1osnv+2WM72"
    + "dvWj8LVdT1ZbTZgQlfb9D0frnru5F5Z03XT0P8ecLUPFf0BFaMhqqngtfygNCkb/viNa55p7lGmx3NP7jT0Q7hE58d07AFb+"
    + "3LeIDKgyaWzb8K8X/5634dF1ZnyaaYKBgWHOYcbWXcIjW1qZT7PucvLqFXpyrbtmUh68YhWVWB4NCdbjySoP6boRQpr7pmG+"
    + "tL/mpFPMfHx9WrFmg8sh6no2OeiiMLFc+nl1zcm6T1Gvu+V9Wd6n3Zc9w6t3zBR7Ztn8oeYH0qz/P/34eC6BXPpnpTy4SfOG"
    + "dN8LkZSWWA4/IwIwzip+UDQXkrBUCn0kHikmIUlv9rvFLW6oye13BwHwvxYvjnd3Bj0hHAbcvqCQ39EZbhV2wwF3U5sXbyKt"
    + "Eopoe6HO5rAQriANUv7lX5d+yxjf++bol99CwtZb9MtRPXn0Vv1yVJ+9xTLX1hXTzQtR8TiXk0a6+zrbEZ4vdN3RCFOPEC2y"
    + "8u6Qz1nMw+Ie3XG3L8H8k/855cHTeYBTPzcmX5v+/Kh9UzJbnhvzdNdZJo1+SBuXnyN8gnWnQaooHUrFOOLovMuLOqZQa6S5"
    + "2e+VuYJIuseLZ6BwPF2WM2fouy1OL0+cZrYZkYfw/gtN8f5ryTS78kFCy6VIn/vvpEnhJZiazRRculYPqZa7ERgYGBgYGBgY"
    + "GG4mJLsplNBuKrZUf73HMLdB7aaonsKSYPuqtS+g2w7bDeKls4DxkvFyMi/3aOzvQgFvUzjo9sMM8VLS78nGdRDT2K8lsgNk"
    + "UANBhq7+JtH7MRqndsD9X5HifZr6E+u7rqRrZjKip6gi15EOOTjP62vxdmx3+yNeKT+RXi2RXh6jTHmde1KlxCo5m9flVel9"
    + "jCOfBWu/WrkBSYJXjUteMx/QfnJqJ4bOcKs3uLy1BKIi55TqM04Rp3ZzSMFPzxMF1KwVejNZXzAwMDAwMDAwMDAwMDAw3ChM"
    + "ZweVQfVMMA94/Nfsiwrmf6L9ZIpiP+8ONfl8YnkrKc/hYx7a6P6fV9ufKvUAAqifKzFLBOtC/eumVslUz031E72acnmgUEDo"
    + "gKrnzVn65aj+o2pRcvYnJ+vpetdIYbZdmW8ier443v9C8b2ixlkFqaKgFIygLBog8VK7LE51SHC9nW9UnIkIHxH4XTTNkfvE"
    + "PHutsxwTnxNs5wA8+TvttA3ayvrwPQMVLlwKBlR1TfY0NUIVHhl5ck4NaYkawdLwcOXu39lrN1RAyvi6v/HwOk6aD2hlero4"
    + "DubDnzYfyIV8XMcCGN75ZgHk4sNsCN4esMI6JDjxjzTWFcGrYtnq0pMlUCIe1p9LdcADuEAOxG7bWwtP49RMcJbfuVUcl1mw"
    + "6mJ4K3QIpIRPlte7xTtcCLGub20Do9jExqCrHQ6JlX3b8tNueF48zV1u/g5Ui6kTL2Xvg61IqHdV964XoE4c2qX95wfhHfHw"
    + "yT+++DLYxYZfufDYZZHet8Poxx+3s8lehckWoWqLYWOcw9f1pNC+QUglninSD8GPicOz9g0kHYaTLWy1U/aWGyoP+obMohlb"
    + "rzjU5SSFd6Ov40bL0UDfxEhyMBqof7k0pWQrPGFqV/NtyePBpC8PGyln+4zySKe8oh30uJBvAP9jzbKcUxSvGuIWxdzVtfGm"
    + "jf8vXkmWxpPfzKclKJ+i+UCCTcMfBgYGBgYGhrm4Ltf35NOuKWfGk0251u77YsjDoJEHx8UFYlYut2adPFRL7BmRB+QlrTwq"
    + "XC6HrLBBAwDbhNsYWvba7gpnuV1WgwkYvKv6VQQ89V2Of0uPay6kH8wTIqX0q3gIjIKDNP34Hc7zFdIv3OF+EJ2lqccyglTi"
    + "JE19k/FOSHKXpk7IuDrBn5r6GuN8ye2aKjsRj4yCI7VBcKPGjUWK42ZZXKSU6iZxy6J7NtVBIt7Ge6Nhb7DD7V+gsMgSfLHx"
    + "VXVGwiGfx7uzXL7O7b5gOOL2DztoigFvns5V0FhapKM76AuHvR13VsWvNOAOhryF1fKddOM67TXJPJP+Dz7ZO7lsVQAA"

  /// The format of version 1.10: `libver=("v110", "v110")`.
  static let late =
    "H4sIAAAAAAACA+1bDVAU1x3/v707We6Ob+SIsQ0a22Lk4xRUjFoOApfzI0E91GSYQhZuOU7wOO6Oj2gT0EkcTWpCkxQ7jS1J"
    + "nFZa41c0msnUQm0npU0TFYM0cTJGlBgV5ZC0TvNR+nb37bK3KjGmmXLJ/mdu3vu/fZ+//b/3/u/39jbZ8qwR+gl6DU2DKMNE"
    + "+jME3UzSX5xTu7fAlreMggY9BQiAiuWSl4cJj6fEkXwPwNcm/767O4LvAgKEpuAeUAhR5JmGhEpdEw8oZlIUSY8GvQ70UTim"
    + "w2PQ6Gk8Bg0CMnqj2NALMOZlY/sC061hkU2Ga4FMA2QOa4KxMNLBrz0UsMj5w66+L42FEVB0OEh2IcdgntIe2iBk5L0XP/34"
    + "lrDAoZbXkoKwsBEsEkMQi0NpkXffKhbiHJFj8ZByboQQFpcPbs2UsIjH40YIaZRjnwQoCwOCuBlBCyGHhDVnsT0fCpctz8dp"
    + "ckCa6eAKYFtIYPGJhjVZc2x5gKL0Ytc7iIE3Z25JtuXnLJHbPCLh7LDgeqr9Faw3rdTlDkq1LrMtgTDetKLhmm21hegL4xQG"
    + "SAXXPf4mx6KVlURk/iLony6mTSl+nBml+Dxs4rmwwpIvpWQHgJg+Cck7tjxIwngYaY/Cr94BOrFxitiCg9tgZa2gG0w2Bwl1"
    + "Uj6SUyu23sRAaRlJtDQUlz3kKC1n2LJzH5zt/fB03xlTdHxsQsz4uC3Nzz3T8tOfPbtySeGyFUuX23uOvtN14lj38dnmzBmz"
    + "ps/MOLhn/ysH9r66r97j99bV1PquBj6+8q/Bfw5F0UZ9ZHiE4emNP3niqU2bnyywLV54/4L7Fh3p/Pvf3v7rW2+mJ6fclTY1"
    + "ddrutpd/t+u3O3dUV1StcrtWVw581H/h8vlLF1vNNV1np9q339c63Xeif47v3FslezzHer+3aEtqyV5v94WZlT07T+2pOf5h"
    + "atHB1af2+nouz1979VK2J3D09J33Pv2d7Jor75zPcB75ZbtnsKtv2srdP2qvGTpxaW79wPuNgcCxMz8oaJ3fOHil++Ls6lOH"
    + "hgODx8+ll7Q/Mjw41DOQ3Tj8uTPR8R9n4ummmmbkv7p5/VKzHhtcQW7bgobi5/+/HRtzr6nzsyM2Z0fmYZSBOsx66x+TO8Ih"
    + "deDkpoZi+zfPZJyJ3296+Ofgb+RtYsMdAHN+4yILSlO2MLct+NeEfy9Y8Oz6YEiaoqqoosq3RCSHkHgR/AExafQD4rPEH5AY"
    + "g47Qx+GTFNMxpXOMFL7LaAeD55WYvBa6WOx77KVHlVgofVQNDSgOCboch2205JQK8vvQtoszB7ZOzy3EBwUdN1QD57Emb40T"
    + "HXTRRe/8xWRkteNc0KKwGXSNs74EGrCDLj7pIm76BAgOW85vLMwtXGwF3dDCd2lYgJMiAM0xGPg2I+AvK3cmQDKuIxK6nng7"
    + "FRJwNBa8Ez1mWIijMdBTWpyBfXsu79Ks7pkwmY+W9IblwyycIR4Ct7cW8t2NAlve5CI4CFyxuef8RfBr4Cr7PK2EgU4cjYNA"
    + "zY9XgZZv4n6vfTWc5Ct7NPFX9cDyxZi86MchnU8d3he7HYoQV+/c+s07oI4nV7Kaz+6GDXx0/Z9eOQAr+IZf71vTDx/h6ERI"
    + "OtyQoi7H11+bb7QepQGaRQlrDiOc10X+phS0MUl3SKqJBlOjYqZuV65YLWMVh+8+/GCpYp+ihH1q9BGKB274Bu1Tvux1KUpC"
    + "S684Syt1ft+iFeSewZAAiKIo/sStJSdvIcahp8XneqR1aDX6T8eRap4aa1i4UgePWnPycgGJfdxNjHmqMEX+ES6odwkqZRDU"
    + "i0Kw9uIPt5HrDOEiY1ghwiXHuHgOm3B2dSnrcLjczvW3QTA98hUk/HDfyZvpQhzXBdrnYcv8XqZKJ24SOf8DEIvrOg8oDepG"
    + "zCglv0W44eSLxj5SzDTyikQuK5bLrBydMY+r24A3I4wx63Ky7jqmqpaF69V9PSeE46p4ln4uV48e14JLSS8KbsMrZjS/5YwQ"
    + "mRRZ8WJul62lIvn0RiDTfu89BYsRkFKyxVZcJsWXIPbBpmS4BEqwYibe5jUKB4CS6WKnkAxjx7rUCjFvU5S6AaqiiiqqqKKK"
    + "KqqooooqqqiiytclBffYFgn04SVCF4nfABmTuFP6OKA5lqHc1cA6gLsB0ZGDPeMrc7mMd3J5KDByeSp5Sla8LaJkREr87M/M"
    + "SnZXvDERw9FJlrBkQAJ9gMAUFkxRgIxi4NOD2FDpi6THxgbgvX+OXcdjMalwHl0p/90iNgY6EufUiAwPT9TsD01jbH0fbVLa"
    + "iYU8s9wUFoYJgHDpR7TYTjRQtaacz6cjzBM9kWN6KQpZtChc1q5O/O5149jBgrWXvKvEQm4T2i+cM9feCvBzYU/o2QW7Zq3p"
    + "K2FhoMfzHD+FV6RonEOjl2DZGWJYHJnfceg6WARNky/AwiRgwT1N4qEbQWNHSGFRaZx8wWq350vflqIWgFUcHIa2ol6rLS9X"
    + "+rcGv9e9t3k5Aqp8xj6SwClZ7UhSXDPepCSlNrNHM6JkndGKira8inEO6ER1nK+MqWK8IwS6DmtO1hgj6fXVXocvMVYq72Fc"
    + "3q3jRTXMXe2vcLmdbQlSjR6mrJJ17DeJCbRZkIxhsjkjGml91eV+DaSXZyHaQrMNftbrZqoiZYQ8fsRVX13r97kc7JppUoN1"
    + "Lq+/lqnakCKmaPBC+VKqqIXXuuu9Lr+fde9KGxmkh/H62NfTpUHU4zrfMI9l6/gvWWx+BewzAAA="

  /// The bytes of a file.
  static func bytes(_ base64: String, count: Int) throws -> [UInt8] {
    let packed = [UInt8](Data(base64Encoded: base64) ?? Data())
    var inflater = try Inflater(packed, range: 0..<packed.count, wrapping: .gzip, place: "golden")
    return try inflater.bytes(count: count)
  }
}
