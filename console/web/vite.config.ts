import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const hook = new URL("../packages/use-market-data/src/index.ts", import.meta.url);

// Names without hashes: the same source gives the same files, and a change shows as a change. The
// server has browsers ask each time whether a file is still the same.
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [react()],
  resolve: { alias: { "@openalgo-stream/use-market-data": fileURLToPath(hook) } },
  build: {
    outDir: process.env["CONSOLE_OUT"] ?? "../static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // which know light-dark()
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
});
