// Five test files of one content, so that five workers do the same at the same time.
import '../patterns/index.js'
